package io.flowloop.agentloop;

import io.flowloop.config.RewardConfig;
import io.flowloop.config.RolloutConfig;
import io.flowloop.config.SamplerConfig;
import io.flowloop.engine.LearnerState;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.rollout.EngineFactory;
import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.LearnerActor;
import io.flowloop.rollout.LearnerFactory;
import io.flowloop.rollout.PolicySnapshot;
import io.flowloop.rollout.RewardPool;
import io.flowloop.rollout.RewardScorer;
import io.flowloop.rollout.RewardWork;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.TrainerNode;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.ChildFailed;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The root of the actors: owns the engines, the reward pool and the learner for as long as it
 * lives, and has rollouts and training steps made with them.
 *
 * <p>Orders begin in the order in which they come. Rollouts run beside each other; every other
 * order runs alone: it waits until what came before it has ended, and what comes after it waits for
 * its end. So no rollout sees the weights change. Orders that wait are few: the bound of their
 * queue is what one caller asks for.
 */
final class TrainerActor extends AbstractMatchingBehavior<TrainerActor.Command> {

  sealed interface Command {}

  /**
   * What is to be done in its turn. The result is completed when the order has ended, however it
   * ends; completed by another, it ends the order.
   */
  sealed interface Order extends Command {
    CompletableFuture<?> result();
  }

  /** Draw and reward samples, with the policy of the last sync. */
  record Rollout(RolloutSpec spec, RolloutListener listener, CompletableFuture<RolloutBatch> result)
      implements Order {}

  /**
   * Roll out, learn from it, and have every engine draw with what was learned. A step that is given
   * up or fails may or may not have been learned: a {@link Restore} and a {@link Sync} say where
   * the next one begins.
   *
   * @param spares prompts for groups in place of dropped ones, in this order; as many as may be
   *     drawn anew
   * @param journal has the groups that need not be drawn, and is told the others
   * @param listener hears each rollout of the step by itself
   */
  record TrainStep(
      RolloutSpec spec,
      List<String> spares,
      AdvantageEstimator advantages,
      StepJournal journal,
      RolloutListener listener,
      CompletableFuture<TrainedStep> result)
      implements Order {

    TrainStep {
      spares = List.copyOf(spares);
    }
  }

  /** Have every engine draw with these weights. Once begun it comes to its end. */
  record Sync(PolicyWeights weights, CompletableFuture<EngineRouter.Synced> result)
      implements Order {}

  /** Have the learner go on from a state; engines keep their weights. */
  record Restore(LearnerState state, CompletableFuture<PolicySnapshot> result) implements Order {}

  /** Tell the learner's policy. */
  record GetPolicy(CompletableFuture<PolicySnapshot> result) implements Order {}

  /** Tell the state of the engines' leases. */
  record GetStats(ActorRef<EngineRouter.Stats> replyTo) implements Command {}

  /** Tell what is being scored. */
  record GetRewardStats(ActorRef<RewardPool.Stats> replyTo) implements Command {}

  private record RolloutEnded() implements Command {}

  private record LoneOrderEnded() implements Command {}

  /**
   * What rollouts and training steps are made with.
   *
   * @param learner empty for rollouts alone
   * @param cluster empty if all runs in this process
   */
  record Means(
      RolloutConfig rollout,
      SamplerConfig sampler,
      RewardConfig reward,
      AgentLoop agentLoop,
      EngineFactory engines,
      RewardScorer scorer,
      Optional<LearnerFactory> learner,
      Optional<TrainerCluster> cluster) {}

  /**
   * The root of a run.
   *
   * @param node of a run that is the trainer of a cluster
   */
  static Behavior<Command> create(Means means, Optional<TrainerNode> node) {
    return Behaviors.setup(context -> new TrainerActor(context, means, node));
  }

  private final ActorRef<EngineRouter.Command> router;
  private final Optional<LearnerFactory> learnerFactory;
  private final RolloutActor.Means rolloutMeans;
  private final Queue<Order> waiting = new ArrayDeque<>();
  private Optional<ActorRef<LearnerActor.Command>> learner = Optional.empty();
  private int rollouts;
  private boolean loneOrderRuns;

  private TrainerActor(ActorContext<Command> context, Means means, Optional<TrainerNode> node) {
    super(context);
    RolloutConfig rollout = means.rollout();
    router = context.spawn(EngineRouter.create(means.engines(), rules(means)), "router");
    node.ifPresent(joined -> spawnFinder(joined, means));
    ActorRef<RewardPool.Command> rewards = context.spawn(rewards(means, node), "rewards");
    learnerFactory = means.learner();
    context.watch(router);
    context.watch(rewards);
    rolloutMeans =
        new RolloutActor.Means(
            means.agentLoop(),
            rollout.enableBatchedDiffusion(),
            rollout.workers(),
            means.reward().onFailure(),
            router,
            rewards);
  }

  private static EngineRouter.Rules rules(Means means) {
    return means
        .cluster()
        .map(cluster -> EngineRouter.Rules.of(means.rollout(), cluster.config()))
        .orElseGet(() -> EngineRouter.Rules.local(means.rollout()));
  }

  /** A pool of this process, or one for the whole cluster. */
  private static Behavior<RewardPool.Command> rewards(Means means, Optional<TrainerNode> node) {
    RewardConfig reward = means.reward();
    RewardWork work =
        new RewardWork(
            means.scorer(),
            means.cluster().map(TrainerCluster::rewards).orElse("rewards"),
            reward.concurrency(),
            reward.timeout(),
            Optional.empty());
    return node.map(joined -> joined.rewards(work, means.rollout().requestTimeout()))
        .orElseGet(work::pool);
  }

  private void spawnFinder(TrainerNode node, Means means) {
    means
        .cluster()
        .ifPresent(
            cluster -> {
              var finder =
                  getContext()
                      .spawn(
                          node.engines(router, cluster.model(), means.rollout().requestTimeout()),
                          "cluster-engines");
              getContext().watch(finder);
            });
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    switch (command) {
      case Order order -> waiting.add(order);
      case RolloutEnded() -> rollouts--;
      case LoneOrderEnded() -> loneOrderRuns = false;
      case GetStats(ActorRef<EngineRouter.Stats> replyTo) ->
          router.tell(new EngineRouter.GetStats(replyTo));
      case GetRewardStats(ActorRef<RewardPool.Stats> replyTo) ->
          rolloutMeans.rewards().tell(new RewardPool.GetStats(replyTo));
    }
    beginWhatMay();
    return this;
  }

  private void beginWhatMay() {
    while (!waiting.isEmpty() && mayBegin(waiting.element())) {
      Order order = waiting.remove();
      if (!order.result().isDone()) {
        begin(order);
      }
    }
  }

  private boolean mayBegin(Order order) {
    return !loneOrderRuns && (order instanceof Rollout || rollouts == 0);
  }

  private void begin(Order order) {
    switch (order) {
      case Rollout rollout -> beginRollout(rollout);
      case TrainStep step ->
          withLearner(step, l -> beginAlone(TrainStepActor.create(step, rolloutMeans, l)));
      case Sync sync ->
          router.tell(
              new EngineRouter.SyncWeights(
                  sync.weights(), beginAlone(once(reply -> end(sync, reply)))));
      case Restore(LearnerState state, CompletableFuture<PolicySnapshot> result) ->
          withLearner(order, l -> l.tell(new LearnerActor.Restore(state, policyFor(result))));
      case GetPolicy(CompletableFuture<PolicySnapshot> result) ->
          withLearner(order, l -> l.tell(new LearnerActor.GetPolicy(policyFor(result))));
    }
  }

  private void beginRollout(Rollout order) {
    rollouts++;
    getContext()
        .watchWith(
            getContext().spawnAnonymous(RolloutActor.create(order, rolloutMeans)),
            new RolloutEnded());
  }

  private <T> ActorRef<T> beginAlone(Behavior<T> behavior) {
    loneOrderRuns = true;
    ActorRef<T> actor = getContext().spawnAnonymous(behavior);
    getContext().watchWith(actor, new LoneOrderEnded());
    return actor;
  }

  /**
   * Begins the learner with the first order that needs it: rollouts alone do without its memory.
   */
  private void withLearner(Order order, Consumer<ActorRef<LearnerActor.Command>> action) {
    if (learner.isEmpty()) {
      learner =
          learnerFactory.map(
              factory -> getContext().spawn(LearnerActor.create(factory), "learner"));
      learner.ifPresent(getContext()::watch);
    }
    learner.ifPresentOrElse(
        action,
        () ->
            order
                .result()
                .completeExceptionally(
                    new RolloutException(
                        "learner: none (expected: a runner that was started with one)")));
  }

  /** An actor that takes one reply. */
  private static <T> Behavior<T> once(Consumer<T> action) {
    return Behaviors.receiveMessage(
        reply -> {
          action.accept(reply);
          return Behaviors.stopped();
        });
  }

  private static void end(Sync order, EngineRouter.SyncReply reply) {
    switch (reply) {
      case EngineRouter.Synced synced -> order.result().complete(synced);
      case EngineRouter.SyncFailed(Throwable cause) ->
          order.result().completeExceptionally(new RolloutException("weight sync", cause));
    }
  }

  private ActorRef<LearnerActor.PolicyReply> policyFor(CompletableFuture<PolicySnapshot> result) {
    return beginAlone(
        once(
            reply -> {
              switch (reply) {
                case LearnerActor.Current(PolicySnapshot policy) -> result.complete(policy);
                case LearnerActor.Failed(Throwable cause) ->
                    result.completeExceptionally(new RolloutException("learner", cause));
              }
            }));
  }

  /** Without one of its children nothing goes on: the system ends, and every result with it. */
  @Override
  public Behavior<Command> onSignal(Signal signal) {
    if (signal instanceof ChildFailed failed) {
      throw new IllegalStateException(failed.getRef() + " died", failed.getCause());
    }
    return this;
  }
}
