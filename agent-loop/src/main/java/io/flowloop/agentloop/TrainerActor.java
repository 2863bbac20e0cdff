package io.flowloop.agentloop;

import io.flowloop.config.RewardConfig;
import io.flowloop.config.RolloutConfig;
import io.flowloop.config.SamplerConfig;
import io.flowloop.rollout.EngineFactory;
import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.RewardPool;
import io.flowloop.rollout.RewardScorer;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.ChildFailed;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The root of the actors: owns the engines and the reward pool for as long as it lives, and has one
 * rollout after the other made with them.
 */
final class TrainerActor extends AbstractMatchingBehavior<TrainerActor.Command> {

  sealed interface Command {}

  /**
   * Draw and reward n samples of each of these prompts.
   *
   * @param step the training step, 0-based; with the run's seed it decides all noise
   * @param result completed when the rollout has ended, however it ends; completed by another, it
   *     ends the rollout
   */
  record Rollout(
      int step,
      List<String> prompts,
      RolloutListener listener,
      CompletableFuture<RolloutBatch> result)
      implements Command {}

  /** Tell the state of the engines' leases. */
  record GetStats(ActorRef<EngineRouter.Stats> replyTo) implements Command {}

  /** What rollouts are made with. */
  record Means(
      RolloutConfig rollout,
      SamplerConfig sampler,
      RewardConfig reward,
      AgentLoop agentLoop,
      EngineFactory engines,
      RewardScorer scorer) {}

  static Behavior<Command> create(Means means) {
    return Behaviors.setup(context -> new TrainerActor(context, means));
  }

  private final Means means;
  private final ActorRef<EngineRouter.Command> router;
  private final ActorRef<RewardPool.Command> rewards;

  private TrainerActor(ActorContext<Command> context, Means means) {
    super(context);
    this.means = means;
    RolloutConfig rollout = means.rollout();
    router =
        context.spawn(
            EngineRouter.create(means.engines(), rollout.engines(), rollout.requestTimeout()),
            "router");
    RewardConfig reward = means.reward();
    rewards =
        context.spawn(
            RewardPool.create(means.scorer(), reward.concurrency(), reward.timeout()), "rewards");
    context.watch(router);
    context.watch(rewards);
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    switch (command) {
      case Rollout order -> onRollout(order);
      case GetStats(ActorRef<EngineRouter.Stats> replyTo) ->
          router.tell(new EngineRouter.GetStats(replyTo));
    }
    return this;
  }

  private void onRollout(Rollout order) {
    try {
      begin(order);
    } catch (RuntimeException e) {
      order.result().completeExceptionally(new RolloutException("step " + order.step(), e));
    }
  }

  private void begin(Rollout order) {
    RolloutConfig config = means.rollout();
    List<RolloutRow> rows =
        RolloutRows.repeatInterleaved(order.prompts(), config.n(), config.seed(), order.step());
    AgentLoopWorker.Means workerMeans =
        new AgentLoopWorker.Means(
            means.agentLoop(),
            config.enableBatchedDiffusion(),
            SdeWindows.sampling(means.sampler(), config.seed(), order.step()),
            router,
            rewards);
    getContext()
        .spawnAnonymous(
            RolloutActor.create(
                order,
                RolloutRows.chunks(rows, config.workers()),
                workerMeans,
                means.reward().onFailure()));
  }

  /** Without router or rewards nothing goes on: the actor system ends, and every result with it. */
  @Override
  public Behavior<Command> onSignal(Signal signal) {
    if (signal instanceof ChildFailed failed) {
      throw new IllegalStateException(failed.getRef() + " died", failed.getCause());
    }
    return this;
  }
}
