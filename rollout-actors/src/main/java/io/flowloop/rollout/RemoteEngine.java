package io.flowloop.rollout;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.Sample;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The engine of another node as the router of the trainer knows it: it takes the orders of an
 * {@link EngineActor} and tells its events. What it wants of the {@link EngineHost} it says as a
 * whole, whenever that changes and once a second, so that nothing depends on one message.
 *
 * <p>Samples are pulled from the host's node and count as drawn when they are here; a pull that
 * breaks is tried again until nobody waits for the samples. It stops with its host: as an engine
 * that has died if the node vanished, and as one that has left if that was said before.
 */
final class RemoteEngine extends AbstractMatchingBehavior<RemoteEngine.Command> {

  sealed interface Command {}

  private record FromRouter(EngineActor.Command command) implements Command {}

  private record FromHost(EngineHost.Told told) implements Command {}

  private record Laid(long order, Optional<DataHandle> weights, Optional<Throwable> cause)
      implements Command {}

  private record Pulled(long lease, Optional<List<Sample>> samples, Optional<Throwable> cause)
      implements Command {}

  private record Tick() implements Command {}

  /**
   * What remote engines are made with.
   *
   * @param pullTimeout longest time for the samples of a request to come
   */
  record Means(DataClient client, WeightsShelf shelf, Duration pullTimeout) {}

  private static final Duration REPEAT = Duration.ofSeconds(1);

  /** Of prompts and seeds of one order, so that a few of them fit a frame; see reference.conf. */
  private static final int MOST_BYTES = 40 << 10;

  private static final int BYTES_OF_A_SEED = 14;

  /**
   * The engine of a host, for a router.
   *
   * @param index the router's number of the engine
   * @param name its name for messages
   */
  static Behavior<EngineActor.Command> create(
      int index,
      String name,
      ActorRef<EngineHost.Command> host,
      ActorRef<EngineActor.Event> router,
      Means means) {
    Behavior<Command> engine =
        Behaviors.setup(
            context ->
                Behaviors.withTimers(
                    timers -> {
                      timers.startTimerWithFixedDelay(new Tick(), REPEAT);
                      return new RemoteEngine(context, index, name, host, router, means);
                    }));
    return Behaviors.transformMessages(
        EngineActor.Command.class,
        engine,
        cases -> cases.match(EngineActor.Command.class, FromRouter::new));
  }

  private final int index;
  private final String name;
  private final ActorRef<EngineHost.Command> host;
  private final ActorRef<EngineActor.Event> router;
  private final Means means;
  private final ActorRef<EngineHost.Told> told;
  private final long session = ThreadLocalRandom.current().nextLong();
  private final RemoteOrders orders = new RemoteOrders();
  private final Set<Long> cancelled = new TreeSet<>();
  private final Map<Long, CompletableFuture<?>> pulls = new HashMap<>();
  private long wants;
  private boolean started;

  private RemoteEngine(
      ActorContext<Command> context,
      int index,
      String name,
      ActorRef<EngineHost.Command> host,
      ActorRef<EngineActor.Event> router,
      Means means) {
    super(context);
    this.index = index;
    this.name = name;
    this.host = host;
    this.router = router;
    this.means = means;
    this.told = context.messageAdapter(EngineHost.Told.class, FromHost::new);
    context.watch(host);
    want();
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    return switch (command) {
      case FromRouter(EngineActor.Command order) -> onOrder(order);
      case FromHost(EngineHost.Told news) -> news.session() == session ? onTold(news) : this;
      case Laid laid -> onLaid(laid);
      case Pulled pulled -> onPulled(pulled);
      case Tick() -> {
        want();
        yield this;
      }
    };
  }

  private void want() {
    host.tell(new EngineHost.Want(session, wants++, told, orders.wanted(), List.copyOf(cancelled)));
  }

  private Behavior<Command> onOrder(EngineActor.Command order) {
    switch (order) {
      case EngineActor.Generate(List<EngineActor.Leased> leased) -> draw(leased);
      case EngineActor.Load(PolicyWeights weights) -> load(weights);
      case EngineActor.Cancel(long lease) -> {
        if (request(lease).isPresent() && cancelled.add(lease)) {
          want();
        }
      }
      case EngineActor.Ran ran -> throw new IllegalStateException("not of a router: " + ran);
    }
    return this;
  }

  private void draw(List<EngineActor.Leased> leased) {
    long bytes = leased.stream().mapToLong(each -> bytes(each.request())).sum();
    if (bytes > MOST_BYTES) {
      leased.forEach(each -> fail(each.lease(), tooLong(bytes)));
      return;
    }
    orders.draw(leased);
    want();
  }

  private static long bytes(RolloutRequest request) {
    return request.prompt().getBytes(StandardCharsets.UTF_8).length
        + (long) BYTES_OF_A_SEED * request.rows();
  }

  private EngineException tooLong(long bytes) {
    return new EngineException(
        "%s: a request of %d bytes (expected: prompts and seeds of at most %d; lower rollout.n or"
                .formatted(name, bytes, MOST_BYTES)
            + " rollout.packGroups, or shorten the prompt)");
  }

  private void load(PolicyWeights weights) {
    long order = orders.load(weights);
    getContext()
        .pipeToSelf(
            means.shelf().lay(weights),
            (handle, cause) ->
                new Laid(order, Optional.ofNullable(handle), Optional.ofNullable(cause)));
  }

  private Behavior<Command> onLaid(Laid laid) {
    laid.weights()
        .ifPresentOrElse(
            handle -> {
              orders.laid(laid.order(), handle);
              want();
            },
            () -> refuse(laid.order(), text(laid.cause())));
    return this;
  }

  private static String text(Optional<Throwable> cause) {
    return cause.map(RemoteEngine::unwrapped).map(Throwable::getMessage).orElse("no cause");
  }

  private static Throwable unwrapped(Throwable cause) {
    return cause instanceof CompletionException && cause.getCause() != null
        ? cause.getCause()
        : cause;
  }

  private Behavior<Command> onTold(EngineHost.Told news) {
    if (!started) {
      started = true;
      router.tell(new EngineActor.Started(index));
    }
    return switch (news) {
      case EngineHost.Stepped step -> {
        if (request(step.lease()).isPresent()) {
          router.tell(new EngineActor.Stepped(index, step.lease(), step.done()));
        }
        yield this;
      }
      case EngineHost.Report report -> onReport(report);
    };
  }

  private Behavior<Command> onReport(EngineHost.Report report) {
    int before = orders.size();
    report.drawn().forEach(this::pull);
    report.failed().forEach(each -> fail(each.lease(), of(each.cause())));
    report.cancelled().forEach(this::leave);
    report.loaded().forEach(this::onLoaded);
    report
        .refused()
        .forEach(each -> refuse(each.order(), String.valueOf(each.cause().getMessage())));
    if (report.gone().isPresent()) {
      return gone(of(report.gone().get()));
    }
    if (report.leaving()) {
      getContext().getLog().info("{} is leaving", name);
      return Behaviors.stopped();
    }
    if (orders.size() < before) {
      want();
    }
    return this;
  }

  private EngineException of(Throwable cause) {
    return new EngineException("%s: %s".formatted(name, cause.getMessage()), cause);
  }

  private void pull(EngineHost.DrawnLease drawn) {
    long lease = drawn.lease();
    if (request(lease).isEmpty() || pulls.containsKey(lease)) {
      return;
    }
    CompletableFuture<List<Sample>> samples =
        means.client().fetch(drawn.samples(), means.pullTimeout()).thenApply(SampleBlob::decode);
    pulls.put(lease, samples);
    getContext()
        .pipeToSelf(
            samples,
            (whole, cause) ->
                new Pulled(lease, Optional.ofNullable(whole), Optional.ofNullable(cause)));
  }

  private Behavior<Command> onPulled(Pulled pulled) {
    pulls.remove(pulled.lease());
    Optional<RolloutRequest> request = request(pulled.lease());
    if (request.isEmpty()) {
      return this;
    }
    if (pulled.samples().isPresent()) {
      generated(pulled.lease(), request.get(), pulled.samples().get());
      want();
    } else if (isBroken(pulled.cause())) {
      // The next report has it pulled again.
      getContext().getLog().warn("{}: {}", name, text(pulled.cause()));
    } else {
      fail(pulled.lease(), new EngineException(name + ": " + text(pulled.cause())));
      want();
    }
    return this;
  }

  private static boolean isBroken(Optional<Throwable> cause) {
    return cause
        .map(RemoteEngine::unwrapped)
        .filter(
            found ->
                found instanceof DataException data
                    && (data.reason() == DataException.Reason.BROKEN
                        || data.reason() == DataException.Reason.EXPIRED))
        .isPresent();
  }

  private void generated(long lease, RolloutRequest request, List<Sample> samples) {
    List<RowSeed> rows = samples.stream().map(Sample::row).toList();
    if (rows.equals(request.seeds())) {
      end(lease);
      router.tell(new EngineActor.Generated(index, lease, samples));
    } else {
      fail(
          lease,
          new EngineException(
              "%s brought %s (expected: one sample for each of %s)"
                  .formatted(name, rows, request.seeds())));
    }
  }

  private void fail(long lease, EngineException cause) {
    end(lease);
    router.tell(new EngineActor.Failed(index, lease, cause));
  }

  private void leave(long lease) {
    if (request(lease).isPresent()) {
      end(lease);
      router.tell(new EngineActor.Cancelled(index, lease));
    }
  }

  private void onLoaded(EngineHost.LoadedOrder loaded) {
    if (endLoading(loaded.order())) {
      router.tell(new EngineActor.Loaded(index, loaded.policyVersion(), loaded.checksum()));
    }
  }

  private void refuse(long order, String cause) {
    if (endLoading(order)) {
      router.tell(new EngineActor.Refused(index, new EngineException(name + ": " + cause)));
    }
  }

  private boolean endLoading(long order) {
    Optional<PolicyWeights> weights = orders.endLoading(order);
    weights.ifPresent(means.shelf()::release);
    return weights.isPresent();
  }

  private Optional<RolloutRequest> request(long lease) {
    return orders.request(lease);
  }

  private void end(long lease) {
    cancelled.remove(lease);
    orders.end(lease);
  }

  private Behavior<Command> gone(EngineException cause) {
    router.tell(new EngineActor.Gone(index, cause));
    return Behaviors.stopped();
  }

  @Override
  public Behavior<Command> onSignal(Signal signal) {
    return switch (signal) {
      case Terminated _ ->
          gone(new EngineException(name + " has vanished; its log or its host tells why"));
      case PostStop _ -> {
        pulls.values().forEach(pull -> pull.cancel(false));
        orders.loading().forEach(means.shelf()::release);
        yield this;
      }
      default -> this;
    };
  }
}
