package io.flowloop.agentloop;

import io.flowloop.config.OnFailure;
import io.flowloop.rollout.Batching;
import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.LogContext;
import io.flowloop.rollout.RewardPool;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.ChildFailed;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * One rollout: waits for the engines, has workers draw those of its rows that no journal has, with
 * the policy that the engines have then, gathers the groups into a batch and stops. Whatever ends
 * it, its result is completed, and all that it began stops with it.
 */
final class RolloutActor extends AbstractMatchingBehavior<RolloutActor.Command> {

  sealed interface Command {}

  private record EnginesStarted(EngineRouter.Availability engines) implements Command {}

  private record FromWorker(AgentLoopWorker.Event event) implements Command {}

  private record ResultCompleted() implements Command {}

  /**
   * What rollouts are made with.
   *
   * @param agentLoop makes the engine's text of a prompt, and the extra fields of a sample
   * @param enableBatchedDiffusion whether a group makes one request
   * @param workers most workers of one rollout, 1 or more
   * @param onFailure what a failed row does to its rollout
   */
  record Means(
      AgentLoop agentLoop,
      boolean enableBatchedDiffusion,
      int workers,
      OnFailure onFailure,
      ActorRef<EngineRouter.Command> router,
      ActorRef<RewardPool.Command> rewards) {}

  /** A rollout that begins at once, and fails if no group is left. */
  static Behavior<Command> create(TrainerActor.Rollout order, Means means) {
    return Behaviors.setup(
        context ->
            new RolloutActor(
                context, order, means, StepJournal.NONE, _ -> {}, RolloutBatch::requireGroups));
  }

  /**
   * One of several rollouts of a step, which may be left with no group.
   *
   * @param journal has groups that need not be drawn, and is told each one that was
   * @param drawn told the time since the first request whenever one has been drawn, the last time
   *     before the result is completed
   */
  static Behavior<Command> createPart(
      TrainerActor.Rollout order, Means means, StepJournal journal, Consumer<Duration> drawn) {
    return Behaviors.setup(
        context ->
            new RolloutActor(context, order, means, journal, drawn, UnaryOperator.identity()));
  }

  private final TrainerActor.Rollout order;
  private final RolloutSpec spec;
  private final List<RolloutRow> rows;
  private final Means means;
  private final StepJournal journal;
  private final Consumer<Duration> drawn;
  private final UnaryOperator<RolloutBatch> check;
  private final List<RolloutGroup> groups = new ArrayList<>();
  private final List<DroppedGroup> dropped = new ArrayList<>();
  private Batching batching = Batching.NONE;
  private long begun;
  private int working;
  private int samples;

  private RolloutActor(
      ActorContext<Command> context,
      TrainerActor.Rollout order,
      Means means,
      StepJournal journal,
      Consumer<Duration> drawn,
      UnaryOperator<RolloutBatch> check) {
    super(context);
    this.order = order;
    this.spec = order.spec();
    this.rows = spec.rows();
    this.means = means;
    this.journal = journal;
    this.drawn = drawn;
    this.check = check;
    means
        .router()
        .tell(
            new EngineRouter.AwaitEngines(
                context.messageAdapter(EngineRouter.Availability.class, EnginesStarted::new)));
    // Whoever waits for the result may give it up.
    context.pipeToSelf(order.result(), (_, _) -> new ResultCompleted());
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    try {
      return switch (command) {
        case EnginesStarted(EngineRouter.Availability engines) ->
            engines.unusable().map(this::fail).orElseGet(() -> begin(engines.policyVersion()));
        case FromWorker(AgentLoopWorker.Drawn()) -> onDrawn();
        case FromWorker(AgentLoopWorker.Rewarded(List<RewardedSample> rewarded)) ->
            onRewarded(rewarded);
        case FromWorker(AgentLoopWorker.Whole(RolloutGroup group)) -> onWhole(group);
        case FromWorker(AgentLoopWorker.Dropped(DroppedGroup group)) -> onDropped(group);
        case FromWorker(AgentLoopWorker.Finished(Batching ofWorker)) -> onFinished(ofWorker);
        case ResultCompleted() -> Behaviors.stopped();
      };
    } catch (RuntimeException e) {
      return fail(e);
    }
  }

  private Behavior<Command> begin(long policyVersion) {
    begun = System.nanoTime();
    groups.addAll(journal.of(rows));
    List<RolloutRow> found = rowsOf(groups);
    // As the run that drew them cut them: its settings were the same.
    batching =
        RolloutRows.requests(found, means.enableBatchedDiffusion(), spec.sampling()).batching();
    List<RolloutRow> missing = new ArrayList<>(rows);
    missing.removeAll(Set.copyOf(found));
    if (missing.isEmpty()) {
      return end();
    }
    AgentLoopWorker.Means workerMeans =
        new AgentLoopWorker.Means(
            means.agentLoop(),
            means.enableBatchedDiffusion(),
            spec.sampling(),
            policyVersion,
            means.router(),
            means.rewards());
    ActorRef<AgentLoopWorker.Event> events =
        getContext().messageAdapter(AgentLoopWorker.Event.class, FromWorker::new);
    for (List<RolloutRow> chunk : RolloutRows.chunks(missing, means.workers())) {
      ActorRef<AgentLoopWorker.Command> worker =
          getContext()
              .spawn(
                  LogContext.ofStep(
                      AgentLoopWorker.Command.class,
                      spec.step(),
                      AgentLoopWorker.create(chunk, workerMeans, events)),
                  "worker-" + working++);
      getContext().watch(worker);
      worker.tell(new AgentLoopWorker.Begin());
    }
    return this;
  }

  private static List<RolloutRow> rowsOf(List<RolloutGroup> groups) {
    return groups.stream()
        .flatMap(group -> group.samples().stream())
        .map(RewardedSample::row)
        .toList();
  }

  private Behavior<Command> onDrawn() {
    drawn.accept(sinceBegun());
    return this;
  }

  private Behavior<Command> onRewarded(List<RewardedSample> rewarded) {
    rewarded.forEach(sample -> order.listener().onSample(sample, ++samples, rows.size()));
    return this;
  }

  private Behavior<Command> onWhole(RolloutGroup group) {
    groups.add(group);
    journal.keeper().accept(group);
    return this;
  }

  private Behavior<Command> onDropped(DroppedGroup group) {
    if (means.onFailure() == OnFailure.FAIL_RUN) {
      return fail(group.cause());
    }
    dropped.add(group);
    order.listener().onDroppedGroup(group);
    return this;
  }

  private Behavior<Command> onFinished(Batching ofWorker) {
    batching = batching.plus(ofWorker);
    working--;
    return working > 0 ? this : end();
  }

  private Behavior<Command> end() {
    RolloutBatch batch = new RolloutBatch(spec.step(), groups, dropped, batching, sinceBegun());
    order.result().complete(check.apply(batch.checkedAgainst(rows)));
    return Behaviors.stopped();
  }

  private Duration sinceBegun() {
    return Duration.ofNanos(System.nanoTime() - begun);
  }

  @Override
  public Behavior<Command> onSignal(Signal signal) {
    return switch (signal) {
      case ChildFailed failed -> fail(failed.getCause());
      case PostStop _ -> fail(new RolloutException("stopped before its end"));
      default -> this;
    };
  }

  private Behavior<Command> fail(Throwable cause) {
    order.result().completeExceptionally(new RolloutException("step " + spec.step(), cause));
    return Behaviors.stopped();
  }
}
