package io.flowloop.rollout;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.SampleTimings;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;

/**
 * Spreads rollout requests over engines: each goes to the engine with the fewest samples
 * outstanding, the first of them when several have as few.
 *
 * <p>A request that an engine has is a lease. An engine holds at most {@value
 * EngineSlot#MAX_LEASES}; the others wait here, so the bound of this queue is the rows of a step. A
 * lease ends in every outcome:
 *
 * <ul>
 *   <li>a result or a failure is passed on;
 *   <li>a request that runs longer than the request timeout fails; its result is dropped when it
 *       comes. Meanwhile its engine gets no work, and after the same time again it counts as gone;
 *   <li>when an engine is gone its requests go to the others;
 *   <li>a request whose asker has stopped is forgotten, or runs out if an engine has it.
 * </ul>
 *
 * <p>No request is leased before every engine has started, for which it has the same time. If one
 * cannot, or if none is left, every request fails with that cause.
 *
 * <p>New weights go behind what an engine runs and has ready, so nothing in flight is lost. No
 * request is leased until every engine has acknowledged them, for which it has the request timeout
 * once it has nothing else to do. An engine with other weights than it was told is stopped; one
 * that refuses weights of another model fails the sync and draws on.
 */
public final class EngineRouter extends AbstractMatchingBehavior<EngineRouter.Command> {

  public sealed interface Command {}

  /** Draw this; the answer is a {@link Generated} or a {@link Failed}, while the asker lives. */
  public record Generate(RolloutRequest request, ActorRef<Reply> replyTo)
      implements Command, WireMessage {}

  /**
   * Have every engine draw with these weights; the answer is a {@link Synced} or a {@link
   * SyncFailed}. One at a time.
   */
  public record SyncWeights(PolicyWeights weights, ActorRef<SyncReply> replyTo)
      implements Command {}

  /** Tell once every engine has started, or that requests would be in vain. */
  public record AwaitEngines(ActorRef<Availability> replyTo) implements Command, WireMessage {}

  /** Tell the state of the leases. */
  public record GetStats(ActorRef<Stats> replyTo) implements Command {}

  private record FromEngine(EngineActor.Event event) implements Command {}

  private record Overdue(EngineSlot engine) implements Command {}

  public sealed interface Reply extends WireMessage {}

  /** The samples of a request, in the order of its seeds. */
  public record Generated(RolloutRequest request, List<Sample> samples) implements Reply {}

  /** A request that brought nothing. */
  public record Failed(RolloutRequest request, Throwable cause) implements Reply {}

  public sealed interface SyncReply {}

  /**
   * Every engine that is left draws with the weights.
   *
   * @param version of the weights
   * @param engines that acknowledged it, 1 or more
   */
  public record Synced(long version, int engines) implements SyncReply {}

  /** An engine refused the weights, has other ones or did not answer, or none is left. */
  public record SyncFailed(Throwable cause) implements SyncReply {}

  /**
   * Whether requests can be drawn, and with which policy.
   *
   * @param unusable why not; empty if they can
   * @param policyVersion of the weights synced last; 0 before
   */
  public record Availability(Optional<Throwable> unusable, long policyVersion)
      implements WireMessage {}

  /**
   * The state of the leases at one moment.
   *
   * @param waiting requests without a lease
   * @param leases of each engine
   * @param samplesOutstanding of each engine
   * @param lateResults results that came after their lease had ended, since the start
   * @param oomSplits forwards that a device had no memory for and that were halved, since the
   *     start, without those of requests that failed
   */
  public record Stats(
      int waiting,
      List<Integer> leases,
      List<Integer> samplesOutstanding,
      long lateResults,
      long oomSplits) {}

  /**
   * A router over new engines.
   *
   * @param engines how many, 1 or more
   * @param requestTimeout longest time that an engine may take to start, and to run one request
   */
  public static Behavior<Command> create(
      EngineFactory factory, int engines, Duration requestTimeout) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> new EngineRouter(context, timers, factory, engines, requestTimeout)));
  }

  private final TimerScheduler<Command> timers;
  private final Duration requestTimeout;
  private final List<EngineSlot> engines = new ArrayList<>();
  private final Deque<Generate> waiting = new ArrayDeque<>();
  private final List<ActorRef<Availability>> awaitingStart = new ArrayList<>();
  private Optional<Throwable> unusable = Optional.empty();
  private Optional<WeightSync> sync = Optional.empty();
  private long policyVersion;
  private long leasesGranted;
  private long lateResults;
  private long oomSplits;

  private EngineRouter(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      EngineFactory factory,
      int engines,
      Duration requestTimeout) {
    super(context);
    this.timers = timers;
    this.requestTimeout = requestTimeout;
    ActorRef<EngineActor.Event> events =
        context.messageAdapter(EngineActor.Event.class, FromEngine::new);
    for (int i = 0; i < engines; i++) {
      ActorRef<EngineActor.Command> front =
          context.spawn(EngineActor.create(i, factory, events), "engine-" + i);
      context.watch(front);
      EngineSlot engine = new EngineSlot(i, front);
      this.engines.add(engine);
      startClock(engine);
    }
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    switch (command) {
      case Generate order -> onGenerate(order);
      case SyncWeights order -> onSyncWeights(order);
      case AwaitEngines(ActorRef<Availability> replyTo) -> awaitingStart.add(replyTo);
      case GetStats(ActorRef<Stats> replyTo) -> replyTo.tell(stats());
      case FromEngine(EngineActor.Event event) -> onEvent(engines.get(event.engine()), event);
      case Overdue(EngineSlot engine) -> onOverdue(engine);
    }
    dispatch();
    return this;
  }

  private void onGenerate(Generate order) {
    getContext().watch(order.replyTo());
    waiting.add(order);
  }

  private void onSyncWeights(SyncWeights order) {
    sync.ifPresentOrElse(running -> refuse(order, running), () -> begin(order));
  }

  private static void refuse(SyncWeights order, WeightSync running) {
    order
        .replyTo()
        .tell(
            new SyncFailed(
                new EngineException(
                    "policy version %d: not synced (expected: the sync of version %d to end first)"
                        .formatted(order.weights().version(), running.version()))));
  }

  private void begin(SyncWeights order) {
    List<EngineSlot> live = engines.stream().filter(engine -> !engine.isGone()).toList();
    sync = Optional.of(new WeightSync(order, live));
    for (EngineSlot engine : live) {
      engine.front().tell(new EngineActor.Load(order.weights()));
      if (engine.isReady() && engine.leases() == 0) {
        startClock(engine);
      }
    }
  }

  private void onEvent(EngineSlot engine, EngineActor.Event event) {
    switch (event) {
      case EngineActor.Started _ -> onStarted(engine);
      case EngineActor.Generated done -> onGenerated(engine, done);
      case EngineActor.Failed failed ->
          release(engine, failed.lease()).ifPresent(order -> fail(order, failed.cause()));
      case EngineActor.Loaded loaded -> onLoaded(engine, loaded);
      case EngineActor.Refused refused -> onRefused(engine, refused.cause());
      case EngineActor.Gone gone -> lose(engine, gone.cause());
    }
  }

  private void onGenerated(EngineSlot engine, EngineActor.Generated done) {
    oomSplits += SampleTimings.oomSplits(done.samples().stream().map(Sample::timings).toList());
    release(engine, done.lease())
        .ifPresent(order -> order.replyTo().tell(new Generated(order.request(), done.samples())));
  }

  private void onStarted(EngineSlot engine) {
    engine.ready();
    restartClock(engine);
  }

  private void onLoaded(EngineSlot engine, EngineActor.Loaded loaded) {
    Optional<EngineException> wrong = sync.flatMap(running -> running.answered(engine, loaded));
    restartClock(engine);
    wrong.ifPresent(cause -> stop(engine, cause));
  }

  private void onRefused(EngineSlot engine, EngineException cause) {
    sync.ifPresent(running -> running.refused(engine, cause));
    restartClock(engine);
  }

  private Optional<Generate> release(EngineSlot engine, long lease) {
    Optional<EngineSlot.Lease> ended = engine.release(lease);
    if (ended.isEmpty()) {
      lateResults++;
    }
    engine.ready();
    restartClock(engine);
    return ended.map(EngineSlot.Lease::order);
  }

  private void onOverdue(EngineSlot engine) {
    EngineException cause =
        new EngineException(
            "%s did not %s within %s (rollout.requestTimeout)"
                .formatted(engine, isWaitedFor(engine), requestTimeout));
    if (engine.isReady() && engine.leases() > 0) {
      fail(engine.late().order(), cause);
      startClock(engine);
    } else {
      sync.filter(_ -> engine.isReady()).ifPresent(running -> running.fail(cause));
      stop(engine, cause);
    }
  }

  private String isWaitedFor(EngineSlot engine) {
    if (engine.isStarting()) {
      return "start";
    }
    return engine.isReady() && engine.leases() == 0
        ? sync.map(running -> "load policy version " + running.version()).orElseThrow()
        : "answer";
  }

  private void stop(EngineSlot engine, Throwable cause) {
    getContext().stop(engine.front());
    lose(engine, cause);
  }

  @Override
  public Behavior<Command> onSignal(Signal signal) {
    if (signal instanceof Terminated ended) {
      waiting.removeIf(order -> order.replyTo().equals(ended.getRef().unsafeUpcast()));
      engines.stream()
          .filter(engine -> engine.front().equals(ended.getRef().unsafeUpcast()))
          .forEach(engine -> lose(engine, new EngineException(engine + " was stopped")));
      dispatch();
    }
    return this;
  }

  private void lose(EngineSlot engine, Throwable cause) {
    if (engine.isGone()) {
      return;
    }
    getContext().getLog().error("{}; it gets no more requests", cause.getMessage());
    boolean neverStarted = engine.isStarting();
    timers.cancel(engine);
    engine.gone().reversed().forEach(lease -> waiting.addFirst(lease.order()));
    sync.ifPresent(running -> running.left(engine));
    if (neverStarted || engines.stream().allMatch(EngineSlot::isGone)) {
      unusable = Optional.of(cause);
    }
  }

  private void dispatch() {
    sync.filter(WeightSync::isOver).ifPresent(this::end);
    if (sync.isPresent() || engines.stream().anyMatch(EngineSlot::isStarting)) {
      return;
    }
    awaitingStart.forEach(asker -> asker.tell(new Availability(unusable, policyVersion)));
    awaitingStart.clear();
    unusable.ifPresent(this::failWaiting);
    Optional<EngineSlot> freest = freest();
    while (!waiting.isEmpty() && freest.isPresent()) {
      lease(freest.get(), waiting.remove());
      freest = freest();
    }
  }

  private void end(WeightSync over) {
    sync = Optional.empty();
    if (over.end(unusable)) {
      policyVersion = over.version();
    }
  }

  private Optional<EngineSlot> freest() {
    return engines.stream()
        .filter(EngineSlot::acceptsLease)
        .min(Comparator.comparingInt(EngineSlot::samplesOutstanding));
  }

  private void lease(EngineSlot engine, Generate order) {
    EngineSlot.Lease lease = new EngineSlot.Lease(leasesGranted++, order);
    engine.grant(lease);
    engine.front().tell(new EngineActor.Generate(lease.id(), order.request()));
    if (engine.leases() == 1) {
      startClock(engine);
    }
  }

  private void restartClock(EngineSlot engine) {
    timers.cancel(engine);
    if (engine.leases() > 0 || sync.filter(running -> running.isPending(engine)).isPresent()) {
      startClock(engine);
    }
  }

  /** For what the engine does now: a request that is ready behind another is not late. */
  private void startClock(EngineSlot engine) {
    timers.startSingleTimer(engine, new Overdue(engine), requestTimeout);
  }

  private void failWaiting(Throwable cause) {
    waiting.forEach(order -> fail(order, cause));
    waiting.clear();
  }

  private static void fail(Generate order, Throwable cause) {
    order.replyTo().tell(new Failed(order.request(), cause));
  }

  private Stats stats() {
    return new Stats(
        waiting.size(),
        engines.stream().map(EngineSlot::leases).toList(),
        engines.stream().map(EngineSlot::samplesOutstanding).toList(),
        lateResults,
        oomSplits);
  }
}
