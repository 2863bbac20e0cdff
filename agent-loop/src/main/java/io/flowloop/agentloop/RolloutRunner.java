package io.flowloop.agentloop;

import io.flowloop.agentloop.http.LoopMeters;
import io.flowloop.agentloop.http.LoopStats;
import io.flowloop.agentloop.http.NodeHttp;
import io.flowloop.config.Device;
import io.flowloop.config.HttpConfig;
import io.flowloop.config.RewardConfig;
import io.flowloop.config.RolloutConfig;
import io.flowloop.config.SamplerConfig;
import io.flowloop.engine.LearnerState;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.reward.RewardFunctions;
import io.flowloop.rollout.ActorSettings;
import io.flowloop.rollout.EngineFactory;
import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.PolicySnapshot;
import io.flowloop.rollout.RewardPool;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.TrainerNode;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.pekko.Done;
import org.apache.pekko.actor.CoordinatedShutdown;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The actor system behind a {@link FlowLoop}: takes orders from any thread and answers with
 * futures.
 */
final class RolloutRunner implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RolloutRunner.class);

  private final TrainerActor.Means means;
  private final ActorSystem<TrainerActor.Command> system;
  private final Consumer<String> promptCheck;
  private final Duration longestForward;
  private final CompletableFuture<Void> ended;
  private final Set<TrainerActor.Order> pending = ConcurrentHashMap.newKeySet();

  private RolloutRunner(
      TrainerActor.Means means, Consumer<String> promptCheck, Runnable afterwards) {
    this.means = means;
    this.promptCheck = promptCheck;
    this.longestForward = means.rollout().requestTimeout();
    Optional<TrainerNode> node = means.cluster().map(cluster -> TrainerNode.open(cluster.config()));
    Behavior<TrainerActor.Command> root = TrainerActor.create(means, node);
    this.system =
        node.map(open -> open.system(root, longestForward))
            .orElseGet(
                () ->
                    ActorSystem.create(
                        root, ActorSettings.SYSTEM, ActorSettings.local(longestForward)));
    this.ended =
        node.map(open -> open.ended(system))
            .orElseGet(() -> terminated(system))
            .thenRun(this::failPending)
            .thenRun(() -> node.ifPresent(TrainerNode::close))
            .thenRun(afterwards);
  }

  private static CompletableFuture<Void> terminated(ActorSystem<?> system) {
    return system.getWhenTerminated().thenAccept(_ -> {}).toCompletableFuture();
  }

  /**
   * A runner whose engines are being created; a first rollout waits for them, and fails if one of
   * them cannot be.
   *
   * @throws IllegalArgumentException if a setting makes no sense, or a reward function or agent
   *     loop is not known
   */
  static RolloutRunner start(
      RolloutConfig rollout, SamplerConfig sampler, RewardConfig reward, EngineFactory engines) {
    AgentLoop agentLoop = AgentLoops.byName(rollout.agentLoop());
    RewardFunctions functions = RewardFunctions.of(reward);
    return start(
        new TrainerActor.Means(
            rollout,
            sampler,
            reward,
            agentLoop,
            engines,
            functions::score,
            Optional.empty(),
            Optional.empty()),
        functions::checkPrompt,
        functions::close);
  }

  /**
   * A runner with any rewards, and a learner or none; {@code afterwards} runs when nothing of them
   * runs any more.
   */
  static RolloutRunner start(
      TrainerActor.Means means, Consumer<String> promptCheck, Runnable afterwards) {
    checkPositive("rollout.n", means.rollout().n());
    checkPositive("rollout.engines", means.rollout().engines());
    checkPositive("rollout.workers", means.rollout().workers());
    checkPositive("reward.concurrency", means.reward().concurrency());
    // Refuses a window outside the walk.
    var _ = SdeWindows.sampling(means.sampler(), means.rollout().seed(), 0);
    return new RolloutRunner(means, promptCheck, afterwards);
  }

  private static void checkPositive(String key, int value) {
    if (value < 1) {
      throw new IllegalArgumentException("%s: %d (expected: 1 or more)".formatted(key, value));
    }
  }

  /**
   * Has an action run before anything ends, whoever ends it: {@link #close}, or the JVM on a
   * signal, which ends actor systems by itself. An order that fails because all ends is then not
   * taken for one that failed.
   */
  void beforeEnd(Runnable action) {
    CoordinatedShutdown.get(system)
        .addTask(
            CoordinatedShutdown.PhaseBeforeServiceUnbind(),
            "before-end",
            () -> {
              action.run();
              return CompletableFuture.completedFuture(Done.getInstance());
            });
  }

  /**
   * Tells of health and metrics over HTTP until the end, if there is a port for it.
   *
   * @param devices that engines of this process run on
   * @throws RolloutException if the port cannot be listened on; the runner is closed then
   */
  void serve(HttpConfig http, List<Device> devices) {
    if (http.port().isEmpty()) {
      return;
    }
    try {
      var _ = NodeHttp.start(system, http, new LoopMeters(this::loopStats), devices);
    } catch (RolloutException e) {
      close();
      throw e;
    }
  }

  /**
   * Draws and rewards n samples of each prompt, and waits for them.
   *
   * @param step the training step, 0-based; with the run's seed it decides all noise
   * @param listener hears of every sample as it comes
   * @throws IllegalArgumentException if there is no prompt, or a reward function refuses one
   * @throws RolloutException if the rollout fails, is interrupted, or the runner is closed
   */
  RolloutBatch run(List<String> prompts, int step, RolloutListener listener) {
    return waitFor(rollout(spec(prompts, step), listener), "step " + step);
  }

  /**
   * The result of an order.
   *
   * @param what the order is about, for the message if the thread is interrupted
   * @throws RolloutException if the order fails or the thread is interrupted, which ends the order
   */
  static <T> T waitFor(CompletableFuture<T> result, String what) {
    try {
      return result.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RolloutException failure
          ? failure
          : new IllegalStateException(e);
    } catch (InterruptedException e) {
      result.cancel(false);
      Thread.currentThread().interrupt();
      throw new RolloutException(what + ": interrupted");
    }
  }

  /** {@link #run} without the waiting; a failure is the stage's {@link RolloutException}. */
  CompletionStage<RolloutBatch> runAsync(List<String> prompts, int step, RolloutListener listener) {
    // What callers append must not run on an actor's thread.
    return rollout(spec(prompts, step), listener).whenCompleteAsync((_, _) -> {});
  }

  private RolloutSpec spec(List<String> prompts, int step) {
    return RolloutSpec.of(means.rollout(), means.sampler(), prompts, step);
  }

  /*
   * Orders. They begin one after the other; rollouts run beside each other, everything else alone.
   * A result is the order itself: to complete or cancel it ends the order. What is appended to it
   * runs on an actor's thread and must not block. A failure is a RolloutException.
   */

  /**
   * A rollout with the policy of the last sync.
   *
   * @throws IllegalArgumentException if a reward function refuses a prompt
   */
  CompletableFuture<RolloutBatch> rollout(RolloutSpec spec, RolloutListener listener) {
    spec.prompts().forEach(promptCheck);
    return order(r -> new TrainerActor.Rollout(spec, listener, r));
  }

  /** Every engine draws with these weights, once the rollouts before have ended. */
  CompletableFuture<EngineRouter.Synced> sync(PolicyWeights weights) {
    return order(r -> new TrainerActor.Sync(weights, r));
  }

  /**
   * A training step; see {@link TrainerActor.TrainStep}.
   *
   * @param spares prompts for groups in place of dropped ones
   * @param journal told of groups on an actor's thread
   * @throws IllegalArgumentException if a reward function refuses a prompt
   */
  CompletableFuture<TrainedStep> trainStep(
      RolloutSpec spec,
      List<String> spares,
      AdvantageEstimator advantages,
      StepJournal journal,
      RolloutListener listener) {
    spec.prompts().forEach(promptCheck);
    spares.forEach(promptCheck);
    return order(r -> new TrainerActor.TrainStep(spec, spares, advantages, journal, listener, r));
  }

  /** The learner goes on from a state; engines keep their weights until the next sync. */
  CompletableFuture<PolicySnapshot> restore(LearnerState state) {
    return order(r -> new TrainerActor.Restore(state, r));
  }

  /** The learner's policy. */
  CompletableFuture<PolicySnapshot> policy() {
    return order(TrainerActor.GetPolicy::new);
  }

  private <T> CompletableFuture<T> order(Function<CompletableFuture<T>, TrainerActor.Order> order) {
    CompletableFuture<T> result = new CompletableFuture<>();
    TrainerActor.Order command = order.apply(result);
    pending.add(command);
    var _ = result.whenComplete((_, _) -> pending.remove(command));
    system.tell(command);
    if (system.getWhenTerminated().toCompletableFuture().isDone()) {
      failPending();
    }
    return result;
  }

  /** An order that the actor system did not live to read would wait for ever. */
  private void failPending() {
    RolloutException closed = new RolloutException("the loop is closed");
    pending.forEach(order -> order.result().completeExceptionally(closed));
  }

  /** The state of the engines' leases. */
  CompletionStage<EngineRouter.Stats> stats() {
    return AskPattern.ask(system, TrainerActor.GetStats::new, longestForward, system.scheduler());
  }

  private CompletionStage<LoopStats> loopStats() {
    CompletionStage<RewardPool.Stats> rewards =
        AskPattern.ask(
            system, TrainerActor.GetRewardStats::new, longestForward, system.scheduler());
    return stats().thenCombine(rewards, LoopStats::new);
  }

  /**
   * Ends running rollouts and training steps, each engine's request at its next denoising step, and
   * frees engines and learner. What still runs after {@code rollout.requestTimeout} is left behind,
   * with a warning.
   */
  @Override
  public void close() {
    system.terminate();
    try {
      ended.get(longestForward.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      LOG.warn(
          "an engine, a reward or the learner still runs after {}; it is not freed",
          longestForward);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException e) {
      throw new IllegalStateException("the actor system did not end well", e.getCause());
    }
  }
}
