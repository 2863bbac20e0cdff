package io.flowloop.agentloop;

import io.flowloop.config.OnFailure;
import io.flowloop.rollout.Batching;
import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.RolloutRow;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.ChildFailed;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The rollout of one training step: waits for the engines, has workers draw its rows, gathers their
 * groups into a batch and stops. Whatever ends it, its result is completed, and all that it began
 * stops with it.
 */
final class RolloutActor extends AbstractMatchingBehavior<RolloutActor.Command> {

  sealed interface Command {}

  private record EnginesStarted(EngineRouter.Availability engines) implements Command {}

  private record FromWorker(AgentLoopWorker.Event event) implements Command {}

  private record ResultCompleted() implements Command {}

  /**
   * A rollout that begins at once.
   *
   * @param chunks the rows of each worker, at least one
   */
  static Behavior<Command> create(
      TrainerActor.Rollout order,
      List<List<RolloutRow>> chunks,
      AgentLoopWorker.Means means,
      OnFailure onFailure) {
    return Behaviors.setup(context -> new RolloutActor(context, order, chunks, means, onFailure));
  }

  private final TrainerActor.Rollout order;
  private final List<List<RolloutRow>> chunks;
  private final List<RolloutRow> rows;
  private final AgentLoopWorker.Means means;
  private final OnFailure onFailure;
  private final List<RolloutGroup> groups = new ArrayList<>();
  private final List<DroppedGroup> dropped = new ArrayList<>();
  private Batching batching = Batching.NONE;
  private long begun;
  private int working;
  private int samples;

  private RolloutActor(
      ActorContext<Command> context,
      TrainerActor.Rollout order,
      List<List<RolloutRow>> chunks,
      AgentLoopWorker.Means means,
      OnFailure onFailure) {
    super(context);
    this.order = order;
    this.chunks = chunks;
    this.means = means;
    this.rows = chunks.stream().flatMap(List::stream).toList();
    this.onFailure = onFailure;
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
            engines.unusable().map(this::fail).orElseGet(this::begin);
        case FromWorker(AgentLoopWorker.Rewarded(List<RewardedSample> rewarded)) ->
            onRewarded(rewarded);
        case FromWorker(AgentLoopWorker.Dropped(DroppedGroup group)) -> onDropped(group);
        case FromWorker(AgentLoopWorker.Finished finished) -> onFinished(finished);
        case ResultCompleted() -> Behaviors.stopped();
      };
    } catch (RuntimeException e) {
      return fail(e);
    }
  }

  private Behavior<Command> begin() {
    begun = System.nanoTime();
    ActorRef<AgentLoopWorker.Event> events =
        getContext().messageAdapter(AgentLoopWorker.Event.class, FromWorker::new);
    for (List<RolloutRow> chunk : chunks) {
      ActorRef<AgentLoopWorker.Command> worker =
          getContext().spawn(AgentLoopWorker.create(chunk, means, events), "worker-" + working++);
      getContext().watch(worker);
      worker.tell(new AgentLoopWorker.Begin());
    }
    return this;
  }

  private Behavior<Command> onRewarded(List<RewardedSample> rewarded) {
    rewarded.forEach(sample -> order.listener().onSample(sample, ++samples, rows.size()));
    return this;
  }

  private Behavior<Command> onDropped(DroppedGroup group) {
    if (onFailure == OnFailure.FAIL_RUN) {
      return fail(group.cause());
    }
    dropped.add(group);
    order.listener().onDroppedGroup(group);
    return this;
  }

  private Behavior<Command> onFinished(AgentLoopWorker.Finished finished) {
    groups.addAll(finished.groups());
    batching = batching.plus(finished.batching());
    working--;
    if (working > 0) {
      return this;
    }
    if (groups.isEmpty()) {
      String place = "all %d groups failed, one of them".formatted(dropped.size());
      return fail(new RolloutException(place, dropped.getFirst().cause()));
    }
    Duration elapsed = Duration.ofNanos(System.nanoTime() - begun);
    order
        .result()
        .complete(
            new RolloutBatch(order.step(), groups, dropped, batching, elapsed)
                .checkedAgainst(rows));
    return Behaviors.stopped();
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
    order.result().completeExceptionally(new RolloutException("step " + order.step(), cause));
    return Behaviors.stopped();
  }
}
