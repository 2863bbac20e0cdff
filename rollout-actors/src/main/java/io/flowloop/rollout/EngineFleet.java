package io.flowloop.rollout;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.CoordinatedShutdown;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.ActorContext;

/**
 * The engines that a router has: which of them can be given requests, with which weights they draw,
 * and whose answer is waited for. What becomes of their requests is the {@link LeaseTable}'s.
 */
final class EngineFleet {

  private final ActorContext<EngineRouter.Command> context;
  private final EngineRouter.Rules rules;
  private final RouterClock clock;
  private final LeaseTable table;
  private final ActorRef<EngineActor.Event> events;
  private final List<EngineSlot> engines = new ArrayList<>();
  private Optional<Throwable> unusable = Optional.empty();
  private Optional<WeightSync> sync = Optional.empty();
  private Optional<PolicyWeights> current = Optional.empty();

  EngineFleet(
      ActorContext<EngineRouter.Command> context,
      EngineRouter.Rules rules,
      RouterClock clock,
      LeaseTable table,
      ActorRef<EngineActor.Event> events) {
    this.context = context;
    this.rules = rules;
    this.clock = clock;
    this.table = table;
    this.events = events;
  }

  /** All that have been there, in the order of their numbers. */
  List<EngineSlot> engines() {
    return Collections.unmodifiableList(engines);
  }

  int ready() {
    return Math.toIntExact(engines.stream().filter(EngineSlot::isReady).count());
  }

  boolean isAnyLeft() {
    return !engines.stream().allMatch(EngineSlot::isGone);
  }

  boolean haveOwnStarted() {
    return engines.stream().limit(rules.engines()).noneMatch(EngineSlot::isStarting);
  }

  /** Why no request can ever be drawn, if so. */
  Optional<Throwable> unusable() {
    return unusable;
  }

  /** Version of the weights synced last; 0 before. */
  long policyVersion() {
    return current.map(PolicyWeights::version).orElse(0L);
  }

  void join(String name, EngineRouter.FrontFactory factory) {
    int index = engines.size();
    ActorRef<EngineActor.Command> front =
        context.spawn(factory.create(index, events), "engine-" + index);
    context.watch(front);
    EngineSlot engine = new EngineSlot(name, front);
    engine.waitFrom(clock.now());
    engines.add(engine);
  }

  /** Takes in what an engine says. */
  void hear(EngineActor.Event event) {
    EngineSlot engine = engines.get(event.engine());
    long now = clock.now();
    switch (event) {
      case EngineActor.Started _ -> engine.start();
      case EngineActor.Stepped step -> table.stepped(engine, step.lease(), step.done(), now);
      case EngineActor.Generated done -> table.generated(engine, done.lease(), done.samples(), now);
      case EngineActor.Cancelled cancelled -> table.cancelled(engine, cancelled.lease(), now);
      case EngineActor.Failed failed -> table.failed(engine, failed.lease(), failed.cause(), now);
      case EngineActor.Loaded loaded -> onLoaded(engine, loaded);
      case EngineActor.Refused refused -> onRefused(engine, refused.cause());
      case EngineActor.Gone gone -> {
        table.die(engine, gone.cause());
        lose(engine, gone.cause());
      }
    }
    // A denoising step is no answer: what runs is as late as before.
    if (!(event instanceof EngineActor.Stepped) || engine.state() == EngineSlot.State.LATE) {
      welcome(engine);
    }
  }

  /** An engine that has said something can be given work, once it has the others' weights. */
  private void welcome(EngineSlot engine) {
    if (engine.isGone() || engine.state() == EngineSlot.State.UNREACHABLE) {
      return;
    }
    if (engine.isReady() || isPending(engine) || !isBehind(engine)) {
      engine.become(EngineSlot.State.READY);
      waitForWhatItDoes(engine);
    } else if (engine.state() != EngineSlot.State.LOADING) {
      catchUp(engine);
    }
  }

  private boolean isBehind(EngineSlot engine) {
    return current.filter(weights -> !engine.drawsWith(weights)).isPresent();
  }

  private void catchUp(EngineSlot engine) {
    engine.become(EngineSlot.State.LOADING);
    engine.waitFrom(clock.now());
    current.ifPresent(engine::tell);
  }

  private boolean isPending(EngineSlot engine) {
    return sync.filter(running -> running.isPending(engine)).isPresent();
  }

  /** A request that is ready behind another is not late. */
  private void waitForWhatItDoes(EngineSlot engine) {
    if (!engine.isIdle() || isPending(engine)) {
      engine.waitFrom(clock.now());
    } else {
      engine.waitNoMore();
    }
  }

  private void onLoaded(EngineSlot engine, EngineActor.Loaded loaded) {
    Optional<PolicyWeights> told = engine.loaded(loaded);
    Optional<EngineException> wrong =
        told.flatMap(weights -> WeightSync.difference(engine, loaded, weights));
    told.ifPresent(weights -> sync.ifPresent(running -> running.answered(engine, weights, wrong)));
    if (engine.state() == EngineSlot.State.LOADING) {
      // The others may have moved on meanwhile: then it loads once more.
      engine.become(EngineSlot.State.LATE);
    }
    wrong.ifPresent(cause -> stop(engine, cause));
  }

  private void onRefused(EngineSlot engine, EngineException cause) {
    var _ = engine.answered();
    if (isPending(engine)) {
      sync.ifPresent(running -> running.refused(engine, cause));
    } else {
      stop(engine, cause);
    }
  }

  /** The node of an engine that has joined can be reached, or cannot. */
  void reach(String name, boolean reachable) {
    for (EngineSlot engine : engines) {
      if (!engine.toString().equals(name) || engine.isGone()) {
        continue;
      }
      if (!reachable) {
        warn(engine, "cannot be reached");
        table.abandon(engine);
        engine.become(EngineSlot.State.UNREACHABLE);
        engine.waitNoMore();
        sync.ifPresent(running -> running.left(engine));
      } else if (engine.state() == EngineSlot.State.UNREACHABLE) {
        comeBack(engine);
      }
    }
  }

  private void comeBack(EngineSlot engine) {
    engine.waitFrom(clock.now());
    if (engine.hasStarted()) {
      engine.become(EngineSlot.State.LATE);
      welcome(engine);
    } else {
      engine.become(EngineSlot.State.STARTING);
    }
  }

  private void warn(EngineSlot engine, String what) {
    context.getLog().warn("{} {}; others draw its {} requests", engine, what, engine.leases());
  }

  /** Looks for engines that are waited for too long, or make no progress. */
  void check(long now) {
    for (EngineSlot engine : engines) {
      if (engine.isOverdue(now, rules.requestTimeout().toNanos())) {
        onOverdue(engine, now);
      } else if (table.isStuck(engine, now) && isAnyOtherReady(engine)) {
        warn(engine, "makes no progress");
        table.repeat(engine);
        engine.become(EngineSlot.State.LATE);
        sync.ifPresent(running -> running.left(engine));
      }
    }
  }

  private boolean isAnyOtherReady(EngineSlot engine) {
    return engines.stream().anyMatch(other -> other != engine && other.isReady());
  }

  private void onOverdue(EngineSlot engine, long now) {
    EngineException cause =
        new EngineException(
            "%s did not %s within %s (rollout.requestTimeout)"
                .formatted(engine, whatIsWaitedFor(engine), rules.requestTimeout()));
    if (engine.isReady() && !engine.isIdle()) {
      table.expire(engine, cause, now);
      engine.become(EngineSlot.State.LATE);
      engine.waitFrom(now);
    } else {
      sync.filter(_ -> engine.isReady()).ifPresent(running -> running.fail(cause));
      stop(engine, cause);
    }
  }

  private String whatIsWaitedFor(EngineSlot engine) {
    return switch (engine.state()) {
      case STARTING -> "start";
      case LOADING -> "load policy version " + policyVersion();
      case READY ->
          engine.isIdle() && sync.isPresent()
              ? "load policy version " + sync.get().version()
              : "answer";
      case LATE, UNREACHABLE, GONE -> "answer";
    };
  }

  private void stop(EngineSlot engine, Throwable cause) {
    context.stop(engine.front());
    lose(engine, cause);
  }

  /** An actor has stopped, which may be an engine's front. */
  void stopped(ActorRef<Void> actor) {
    engines.stream()
        .filter(engine -> engine.front().equals(actor.unsafeUpcast()))
        .forEach(engine -> lose(engine, new EngineException(engine + " was stopped")));
  }

  private void lose(EngineSlot engine, Throwable cause) {
    if (engine.isGone()) {
      return;
    }
    if (CoordinatedShutdown.get(context.getSystem()).getShutdownReason().isEmpty()) {
      context.getLog().warn("{}; it gets no more requests", cause.getMessage());
    }
    boolean neverStarted = engine.isStarting();
    engine.become(EngineSlot.State.GONE);
    engine.waitNoMore();
    table.lose(engine);
    sync.ifPresent(running -> running.left(engine));
    if (!rules.mayJoin() && (neverStarted || !isAnyLeft())) {
      unusable = Optional.of(cause);
    }
  }

  /**
   * Has every ready engine draw with other weights.
   *
   * @param begun whether those that still start are not waited for
   */
  void sync(EngineRouter.SyncWeights order, boolean begun) {
    sync.ifPresentOrElse(running -> refuse(order, running), () -> begin(order, begun));
  }

  private static void refuse(EngineRouter.SyncWeights order, WeightSync running) {
    order
        .replyTo()
        .tell(
            new EngineRouter.SyncFailed(
                new EngineException(
                    "policy version %d: not synced (expected: the sync of version %d to end first)"
                        .formatted(order.weights().version(), running.version()))));
  }

  private void begin(EngineRouter.SyncWeights order, boolean begun) {
    List<EngineSlot> told =
        engines.stream().filter(e -> e.isReady() || (!begun && e.isStarting())).toList();
    sync = Optional.of(new WeightSync(order, told));
    for (EngineSlot engine : told) {
      engine.tell(order.weights());
      if (engine.isReady() && engine.isIdle()) {
        engine.waitFrom(clock.now());
      }
    }
  }

  boolean isSyncing() {
    return sync.isPresent();
  }

  /** Ends the sync whose last answer has come, if there is one. */
  void endSync() {
    sync.filter(WeightSync::isOver).ifPresent(this::end);
  }

  private void end(WeightSync over) {
    sync = Optional.empty();
    if (over.end(unusable)) {
      current = Optional.of(over.weights());
      // Those that were loading what the others drew with before.
      engines.stream().filter(e -> e.isReady() && isBehind(e)).forEach(this::catchUp);
    }
  }
}
