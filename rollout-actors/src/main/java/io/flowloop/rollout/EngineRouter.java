package io.flowloop.rollout;

import io.flowloop.config.ClusterConfig;
import io.flowloop.config.ClusterRole;
import io.flowloop.config.RolloutConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * Spreads rollout requests over engines: each goes to the engine with the fewest samples
 * outstanding, the first of them when several have as few.
 *
 * <p>A request that an engine has is a lease. An engine holds {@value EngineSlot#MAX_PACKS} packs
 * of them at most, one that runs and one that is ready; the others wait here, so the bound of this
 * queue is the rows of a step. A lease ends in every outcome:
 *
 * <ul>
 *   <li>a result is passed on, the first of a request that is;
 *   <li>a request that fails is drawn again, and has failed after {@value LeaseTable#ATTEMPTS}
 *       attempts;
 *   <li>when an engine is gone, cannot be reached, or makes no progress for three times as long as
 *       a denoising step usually takes, its requests go to the others;
 *   <li>a request that runs longer than the request timeout fails. Its engine gets no work until it
 *       says something, and counts as gone after the same time again;
 *   <li>a request whose asker has stopped is forgotten, or runs out if an engine has it.
 * </ul>
 *
 * <p>No request is leased before every engine of this node has started, for which it has the same
 * time, and before as many engines are ready as are wanted at least. If one of this node cannot
 * start, or if none is left and none joins in that time, every request fails with that cause.
 *
 * <p>New weights go behind what an engine runs and has ready, so nothing in flight is lost. No
 * request is leased until every ready engine has acknowledged them, for which it has the request
 * timeout once it has nothing else to do. An engine with other weights than it was told is stopped;
 * one that refuses weights of another model fails the sync and draws on. An engine that joins or
 * comes back later is given them before it is given requests.
 */
public final class EngineRouter extends AbstractMatchingBehavior<EngineRouter.Command> {

  public sealed interface Command {}

  /** Draw this; the answer is a {@link Generated} or a {@link Failed}, while the asker lives. */
  public record Generate(RolloutRequest request, ActorRef<Reply> replyTo) implements Command {}

  /**
   * Have every engine draw with these weights; the answer is a {@link Synced} or a {@link
   * SyncFailed}. One at a time.
   */
  public record SyncWeights(PolicyWeights weights, ActorRef<SyncReply> replyTo)
      implements Command {}

  /** Tell once enough engines have started, or that requests would be in vain. */
  public record AwaitEngines(ActorRef<Availability> replyTo) implements Command {}

  /** Tell the state of the leases. */
  public record GetStats(ActorRef<Stats> replyTo) implements Command {}

  /**
   * One more engine, of another node.
   *
   * @param name that messages call it by, of its own
   */
  record Join(String name, FrontFactory front) implements Command {}

  /** Whether the node of an engine that has joined can be reached. */
  record Reach(String name, boolean reachable) implements Command {}

  private record FromEngine(EngineActor.Event event) implements Command {}

  private record Tick() implements Command {}

  /** Makes the actor that stands for an engine. */
  @FunctionalInterface
  interface FrontFactory {

    /**
     * The front's behaviour.
     *
     * @param engine what its events call the engine
     */
    Behavior<EngineActor.Command> create(int engine, ActorRef<EngineActor.Event> router);
  }

  public sealed interface Reply {}

  /** The samples of a request, in the order of its seeds. */
  public record Generated(RolloutRequest request, List<Sample> samples) implements Reply {}

  /** A request that brought nothing. */
  public record Failed(RolloutRequest request, Throwable cause) implements Reply {}

  public sealed interface SyncReply {}

  /**
   * Every engine that is left draws with the weights.
   *
   * @param version of the weights
   * @param engines that acknowledged it; 0 if none was ready, and those that come are given them
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
  public record Availability(Optional<Throwable> unusable, long policyVersion) {}

  /**
   * The state of the leases at one moment. Counts are those since the start.
   *
   * @param waiting requests without a lease
   * @param oldestWaiting time since the oldest of these came; zero if there is none
   * @param ready engines that take requests
   * @param policyVersion of the weights synced last; 0 before
   * @param leases of each engine
   * @param samplesOutstanding of each engine
   * @param policyVersions of each engine, as it has told
   * @param retries leases of requests that an engine had been given before
   * @param lateResults results that were dropped, as their request had been answered or given up
   * @param oomSplits forwards that a device had no memory for and that were halved, without those
   *     of requests that failed
   * @param forwardsByRows denoising forwards by the number of samples in each
   */
  public record Stats(
      int waiting,
      Duration oldestWaiting,
      int ready,
      long policyVersion,
      List<Integer> leases,
      List<Integer> samplesOutstanding,
      List<Long> policyVersions,
      long retries,
      long lateResults,
      long oomSplits,
      SortedMap<Integer, Long> forwardsByRows) {}

  /**
   * What a router goes by.
   *
   * @param engines of this node, 0 or more
   * @param minEngines that must be ready before the first request is leased, 1 or more
   * @param mayJoin whether engines of other nodes may join
   * @param packGroups requests that may share a forward, 1 or more
   * @param maxRowsPerForward the most rows of such a forward, 1 or more
   * @param requestTimeout longest time that an engine may take to start, and to run one request
   */
  public record Rules(
      int engines,
      int minEngines,
      boolean mayJoin,
      int packGroups,
      int maxRowsPerForward,
      Duration requestTimeout) {

    /** Rules for engines of this process alone. */
    public static Rules local(RolloutConfig rollout) {
      return of(rollout, rollout.engines(), 1, false);
    }

    /** Rules for the trainer of a cluster, which draws itself if that is its role. */
    public static Rules of(RolloutConfig rollout, ClusterConfig cluster) {
      int own = cluster.isOnTrainer(ClusterRole.ENGINE) ? rollout.engines() : 0;
      return of(rollout, own, cluster.minEngines(), true);
    }

    private static Rules of(RolloutConfig rollout, int own, int minEngines, boolean mayJoin) {
      return new Rules(
          own,
          minEngines,
          mayJoin,
          rollout.packGroups(),
          rollout.maxRowsPerForward(),
          rollout.requestTimeout());
    }
  }

  /** A router over new engines of this node, and over those that join. */
  public static Behavior<Command> create(EngineFactory factory, Rules rules) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  timers.startTimerWithFixedDelay(new Tick(), RouterClock.TICK);
                  return new EngineRouter(context, factory, rules);
                }));
  }

  private final Rules rules;
  private final RouterClock clock = new RouterClock();
  private final LeaseTable table;
  private final EngineFleet fleet;
  private final List<ActorRef<Availability>> awaitingStart = new ArrayList<>();
  private boolean begun;
  private long lackingSince;

  private EngineRouter(ActorContext<Command> context, EngineFactory factory, Rules rules) {
    super(context);
    context.setLoggerName(EngineRouter.class);
    this.rules = rules;
    this.table = new LeaseTable(rules.packGroups(), rules.maxRowsPerForward(), new Sending());
    this.fleet =
        new EngineFleet(
            context,
            rules,
            clock,
            table,
            context.messageAdapter(EngineActor.Event.class, FromEngine::new));
    for (int i = 0; i < rules.engines(); i++) {
      fleet.join("engine " + i, (index, router) -> EngineActor.create(index, factory, router));
    }
  }

  /** What the table decides, as messages. */
  private static final class Sending implements LeaseTable.Outbox {

    @Override
    public void draw(EngineSlot engine, Pack pack) {
      engine
          .front()
          .tell(
              new EngineActor.Generate(
                  pack.leases().stream()
                      .map(held -> new EngineActor.Leased(held.id(), held.request().request()))
                      .toList()));
    }

    @Override
    public void cancel(EngineSlot engine, long lease) {
      engine.front().tell(new EngineActor.Cancel(lease));
    }

    @Override
    public void answer(Generate order, Reply reply) {
      order.replyTo().tell(reply);
    }
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    switch (command) {
      case Generate order -> onGenerate(order);
      case SyncWeights order -> fleet.sync(order, begun);
      case AwaitEngines(ActorRef<Availability> replyTo) -> awaitingStart.add(replyTo);
      case GetStats(ActorRef<Stats> replyTo) -> replyTo.tell(stats());
      case Join(String name, FrontFactory front) -> fleet.join(name, front);
      case Reach(String name, boolean reachable) -> fleet.reach(name, reachable);
      case FromEngine(EngineActor.Event event) -> fleet.hear(event);
      case Tick() -> onTick();
    }
    // Steps come in thousands and free no engine; one that is found again waits for the next tick.
    if (!(command instanceof FromEngine(EngineActor.Stepped _))) {
      dispatch();
    }
    return this;
  }

  private void onGenerate(Generate order) {
    getContext().watch(order.replyTo());
    table.offer(order, clock.now());
  }

  private void onTick() {
    clock.tick();
    long now = clock.now();
    fleet.check(now);
    table.shareOut(fleet.engines(), now);
    if (!rules.mayJoin() || (begun && fleet.isAnyLeft())) {
      lackingSince = now;
    } else if (now - lackingSince >= rules.requestTimeout().toNanos()) {
      failAll(tooFew());
    }
  }

  private EngineException tooFew() {
    return new EngineException(
        "engines: %d ready for %s (expected: %d or more, cluster.minEngines, on nodes of this"
                .formatted(fleet.ready(), rules.requestTimeout(), rules.minEngines())
            + " cluster)");
  }

  @Override
  public Behavior<Command> onSignal(Signal signal) {
    if (signal instanceof Terminated ended) {
      table.forget(ended.getRef());
      fleet.stopped(ended.getRef());
      dispatch();
    }
    return this;
  }

  private void failAll(Throwable cause) {
    tell(new Availability(Optional.of(cause), fleet.policyVersion()));
    table.failWaiting(cause);
  }

  private void tell(Availability availability) {
    awaitingStart.forEach(asker -> asker.tell(availability));
    awaitingStart.clear();
  }

  private void dispatch() {
    fleet.endSync();
    begun = begun || hasBegun();
    if (!begun || fleet.isSyncing()) {
      return;
    }
    fleet.unusable().ifPresent(this::failAll);
    tell(new Availability(fleet.unusable(), fleet.policyVersion()));
    table.dispatch(fleet.engines(), clock.now());
  }

  private boolean hasBegun() {
    return fleet.haveOwnStarted()
        && (fleet.ready() >= rules.minEngines() || fleet.unusable().isPresent());
  }

  private Stats stats() {
    List<EngineSlot> engines = fleet.engines();
    return new Stats(
        table.waiting(),
        table.oldestWaiting(clock.now()),
        fleet.ready(),
        fleet.policyVersion(),
        engines.stream().map(EngineSlot::leases).toList(),
        engines.stream().map(EngineSlot::samplesOutstanding).toList(),
        engines.stream().map(EngineSlot::policyVersion).toList(),
        table.retries(),
        table.lateResults(),
        table.oomSplits(),
        table.forwardsByRows());
  }
}
