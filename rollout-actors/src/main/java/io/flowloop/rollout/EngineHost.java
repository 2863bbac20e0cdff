package io.flowloop.rollout;

import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.Sample;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.apache.pekko.actor.typed.receptionist.Receptionist;
import org.apache.pekko.actor.typed.receptionist.ServiceKey;

/**
 * An engine that the trainer of another node draws with. It has an {@link EngineActor} do what the
 * trainer's {@link RemoteEngine} wants, and keeps what came of it until that is no longer wanted.
 *
 * <p>The two tell each other states, not events: the trainer all that it wants, whenever that
 * changes and once a second; the host, in answer and whenever that changes, all that came of it. So
 * a message may be lost or come twice, and no request and no result is.
 *
 * <p>It can be found in the cluster once its engine has drawn a first sample. It serves one {@link
 * RemoteEngine} and stops with it, so that nobody draws with weights of another run.
 */
final class EngineHost extends AbstractMatchingBehavior<EngineHost.Command> {

  /** Under which hosts are found. */
  static final ServiceKey<Command> KEY = ServiceKey.create(Command.class, "flowloop-engine");

  sealed interface Command {}

  /** Tell what engine this is. */
  record Describe(ActorRef<Description> replyTo) implements Command, WireMessage {}

  /**
   * All that is wanted now.
   *
   * @param session of the sender, which no other has
   * @param number rises with each one sent
   * @param orders in the order in which they are to be done, which is that of their numbers
   * @param cancelled leases of these orders that are to be left if they have not begun
   */
  record Want(
      long session, long number, ActorRef<Told> trainer, List<Order> orders, List<Long> cancelled)
      implements Command, WireMessage {}

  /**
   * Something to do.
   *
   * @param number rises from one to the next
   * @param leased requests to draw together; none if weights are to be loaded
   * @param weights where the weights to load are to be had
   */
  record Order(long number, List<EngineActor.Leased> leased, Optional<DataHandle> weights) {}

  /** Give the requests to others: this node is leaving. */
  record Leave() implements Command {}

  private record FromEngine(EngineActor.Event event) implements Command {}

  private record Published(long lease, Optional<DataHandle> samples, Optional<Throwable> cause)
      implements Command {}

  private record Pulled(long order, Optional<PolicyWeights> weights, Optional<Throwable> cause)
      implements Command {}

  private record PullAgain(long order) implements Command {}

  /**
   * What engine this is.
   *
   * @param node its host and port
   * @param engine its number there, 0-based
   * @param model all that its samples depend on beside requests and synced weights
   */
  record Description(ActorRef<Command> host, String node, int engine, String model)
      implements HostFinder.Described<Command>, WireMessage {

    @Override
    public String name() {
      return "engine %d of %s".formatted(engine, node);
    }

    @Override
    public String identity() {
      return model;
    }
  }

  /** For the trainer. */
  sealed interface Told extends WireMessage {
    long session();
  }

  /** A denoising step has ended; as {@link EngineActor.Stepped}. */
  record Stepped(long session, long lease, int done) implements Told {}

  /**
   * All that came of what is wanted.
   *
   * @param drawn where the samples of leases are to be had
   * @param failed leases that could not be drawn
   * @param cancelled leases that were not begun
   * @param loaded orders whose weights are on the device
   * @param refused orders whose weights are not
   * @param leaving whether the requests are to be given to others
   * @param gone why the engine has ended, if so
   */
  record Report(
      long session,
      List<DrawnLease> drawn,
      List<FailedLease> failed,
      List<Long> cancelled,
      List<LoadedOrder> loaded,
      List<RefusedOrder> refused,
      boolean leaving,
      Optional<Throwable> gone)
      implements Told {}

  record DrawnLease(long lease, DataHandle samples) {}

  record FailedLease(long lease, Throwable cause) {}

  record LoadedOrder(long order, long policyVersion, long checksum) {}

  record RefusedOrder(long order, Throwable cause) {}

  /** What hosts of a node are made with. */
  record Means(EngineWork work, SideChannel data, NodeHealth health, Duration requestTimeout) {}

  private static final long CANARY = -1;
  private static final Duration PAUSE = Duration.ofSeconds(1);

  static Behavior<Command> create(int index, Means means) {
    return Behaviors.setup(
        context -> Behaviors.withTimers(timers -> new EngineHost(context, timers, index, means)));
  }

  private final TimerScheduler<Command> timers;
  private final int index;
  private final Means means;
  private final ActorRef<EngineActor.Command> engine;
  private final HostLedger ledger = new HostLedger();

  /** Samples for the trainer. */
  private final OwnBlobs blobs;

  private final Deque<Order> queue = new ArrayDeque<>();
  private final Deque<Long> loading = new ArrayDeque<>();
  private Optional<CompletableFuture<?>> pull = Optional.empty();
  private Optional<Want> first = Optional.empty();
  private long lastWant = Long.MIN_VALUE;
  private boolean leaving;

  private EngineHost(
      ActorContext<Command> context, TimerScheduler<Command> timers, int index, Means means) {
    super(context);
    this.timers = timers;
    this.index = index;
    this.means = means;
    this.blobs = new OwnBlobs(means.data().server());
    this.engine =
        context.spawn(
            EngineActor.create(
                index,
                means.work().engines(),
                context.messageAdapter(EngineActor.Event.class, FromEngine::new)),
            "engine");
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    return switch (command) {
      case Describe(ActorRef<Description> replyTo) -> onDescribe(replyTo);
      case Want want -> onWant(want);
      case Leave() -> onLeave();
      case FromEngine(EngineActor.Event event) -> onEvent(event);
      case Published published -> onPublished(published);
      case Pulled pulled -> onPulled(pulled);
      case PullAgain(long order) -> onPullAgain(order);
    };
  }

  private Behavior<Command> onDescribe(ActorRef<Description> replyTo) {
    replyTo.tell(
        new Description(
            getContext().getSelf(),
            HostFinder.nodeOf(getContext().getSystem()),
            index,
            means.work().model()));
    return this;
  }

  private Behavior<Command> onWant(Want want) {
    if (first.isEmpty()) {
      first = Optional.of(want);
      getContext().watch(want.trainer());
      getContext().getLog().info("engine {} draws for {}", index, want.trainer().path().address());
    }
    if (want.session() != first.get().session() || want.number() <= lastWant) {
      return this;
    }
    lastWant = want.number();
    queue.addAll(ledger.take(want));
    ledger.toRelease().forEach(blobs::release);
    ledger.toCancel().forEach(lease -> engine.tell(new EngineActor.Cancel(lease)));
    forward();
    report(Optional.empty());
    return this;
  }

  /** Hands the engine what is next, up to weights that are still on their way. */
  private void forward() {
    while (!queue.isEmpty() && pull.isEmpty()) {
      Order order = queue.element();
      if (order.weights().isPresent()) {
        pull(order.number(), order.weights().get());
      } else {
        queue.remove();
        engine.tell(new EngineActor.Generate(order.leased()));
      }
    }
  }

  private void pull(long order, DataHandle handle) {
    CompletableFuture<PolicyWeights> weights =
        means.data().client().fetch(handle, means.requestTimeout()).thenApply(WeightsBlob::decode);
    pull = Optional.of(weights);
    getContext()
        .pipeToSelf(
            weights,
            (whole, cause) ->
                new Pulled(order, Optional.ofNullable(whole), Optional.ofNullable(cause)));
  }

  private Behavior<Command> onPulled(Pulled pulled) {
    if (pulled.weights().isPresent()) {
      pull = Optional.empty();
      queue.remove();
      loading.add(pulled.order());
      engine.tell(new EngineActor.Load(pulled.weights().get()));
      forward();
    } else {
      // The trainer decides how long that may go on.
      pulled
          .cause()
          .ifPresent(cause -> getContext().getLog().warn("weights: {}", cause.getMessage()));
      timers.startSingleTimer(new PullAgain(pulled.order()), PAUSE);
    }
    return this;
  }

  private Behavior<Command> onPullAgain(long order) {
    pull = Optional.empty();
    if (!ledger.isWanted(order)) {
      queue.remove();
    }
    forward();
    return this;
  }

  private Behavior<Command> onEvent(EngineActor.Event event) {
    switch (event) {
      case EngineActor.Started _ -> {
        means.health().loaded(index);
        engine.tell(
            new EngineActor.Generate(
                List.of(new EngineActor.Leased(CANARY, means.work().canary()))));
      }
      case EngineActor.Stepped step -> onStepped(step);
      case EngineActor.Generated done -> onGenerated(done);
      case EngineActor.Failed failed -> onFailed(failed);
      case EngineActor.Cancelled(int _, long lease) -> ledger.cancelled(lease);
      case EngineActor.Loaded loaded ->
          ledger.loaded(
              new LoadedOrder(loading.remove(), loaded.policyVersion(), loaded.checksum()));
      case EngineActor.Refused refused ->
          ledger.refused(new RefusedOrder(loading.remove(), refused.cause()));
      case EngineActor.Gone gone -> {
        return onGone(gone);
      }
    }
    if (!(event instanceof EngineActor.Stepped)) {
      report(Optional.empty());
    }
    return this;
  }

  private void onStepped(EngineActor.Stepped step) {
    first.ifPresent(
        want -> want.trainer().tell(new Stepped(want.session(), step.lease(), step.done())));
  }

  private void onGenerated(EngineActor.Generated done) {
    if (done.lease() == CANARY) {
      means.health().drawn(index);
      ActorContext<Command> context = getContext();
      context.getSystem().receptionist().tell(Receptionist.register(KEY, context.getSelf()));
      context.getLog().info("engine {} is ready", index);
    } else if (ledger.isLeased(done.lease())) {
      publish(done.lease(), done.samples());
    }
  }

  private void publish(long lease, List<Sample> samples) {
    getContext()
        .pipeToSelf(
            blobs.publish(() -> SampleBlob.encode(samples)),
            (handle, cause) ->
                new Published(
                    lease,
                    Optional.ofNullable(handle),
                    Optional.ofNullable(cause).map(EngineHost::unwrapped)));
  }

  private static Throwable unwrapped(Throwable cause) {
    return cause.getCause() == null ? cause : cause.getCause();
  }

  private Behavior<Command> onPublished(Published published) {
    published
        .samples()
        .ifPresent(
            handle -> {
              if (!ledger.drawn(published.lease(), handle)) {
                blobs.release(handle);
              }
            });
    published.cause().ifPresent(cause -> ledger.failed(published.lease(), cause));
    report(Optional.empty());
    return this;
  }

  private void onFailed(EngineActor.Failed failed) {
    if (failed.lease() == CANARY) {
      throw new RolloutException("engine %d cannot draw".formatted(index), failed.cause());
    }
    ledger.failed(failed.lease(), failed.cause());
  }

  private Behavior<Command> onGone(EngineActor.Gone gone) {
    if (first.isEmpty()) {
      throw new RolloutException("engine " + index, gone.cause());
    }
    report(Optional.of(gone.cause()));
    return Behaviors.stopped();
  }

  private Behavior<Command> onLeave() {
    leaving = true;
    report(Optional.empty());
    return this;
  }

  private void report(Optional<Throwable> gone) {
    first.ifPresent(want -> want.trainer().tell(ledger.report(want.session(), leaving, gone)));
  }

  @Override
  public Behavior<Command> onSignal(Signal signal) {
    return switch (signal) {
      case Terminated _ -> {
        getContext().getLog().info("engine {}: its trainer is gone", index);
        yield Behaviors.stopped();
      }
      case PostStop _ -> {
        pull.ifPresent(running -> running.cancel(false));
        blobs.close();
        means.health().stopped(index);
        yield this;
      }
      default -> this;
    };
  }
}
