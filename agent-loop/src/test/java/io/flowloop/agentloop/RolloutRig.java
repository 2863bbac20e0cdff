package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.OnFailure;
import io.flowloop.config.RewardConfig;
import io.flowloop.config.RolloutConfig;
import io.flowloop.config.SamplerConfig;
import io.flowloop.config.SdeType;
import io.flowloop.config.SdeWindowStrategy;
import io.flowloop.rollout.EngineFactory;
import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.LearnerFactory;
import io.flowloop.rollout.RewardScorer;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.ToyEngines;
import io.flowloop.rollout.ToyLearner;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import java.util.function.Predicate;

/** Runners over toy engines: five prompts, four rows each; a test changes what it is about. */
final class RolloutRig implements AutoCloseable {

  static final List<String> PROMPTS = List.of("a", "b", "c", "d", "e");
  static final int N = 4;
  static final int ROWS = 20;

  final ToyEngines engines = new ToyEngines();

  /** Opened at the end, so that whatever waits for it ends. */
  final CountDownLatch gate = new CountDownLatch(1);

  boolean enableBatchedDiffusion = true;
  int engineCount = 1;
  int workers = 2;
  int packGroups = 1;
  Duration requestTimeout = Duration.ofSeconds(20);
  Duration rewardTimeout = Duration.ofSeconds(20);
  OnFailure onFailure = OnFailure.FAIL_RUN;
  RewardScorer scorer = ToyEngines::brightness;
  AgentLoop agentLoop = new DiffusionSingleTurn();
  EngineFactory factory = engines;

  final ToyLearner learner = new ToyLearner();
  Optional<LearnerFactory> learnerFactory = Optional.empty();

  private final List<RolloutRunner> runners = new ArrayList<>();

  RolloutRunner start() {
    RolloutRunner runner = RolloutRunner.start(means(), _ -> {}, () -> {});
    runners.add(runner);
    return runner;
  }

  TrainerActor.Means means() {
    return new TrainerActor.Means(
        new RolloutConfig(
            N,
            enableBatchedDiffusion,
            42,
            engineCount,
            workers,
            64,
            packGroups,
            requestTimeout,
            "unused"),
        new SamplerConfig(
            3,
            1,
            SdeType.SDE,
            0.7,
            OptionalInt.empty(),
            Optional.empty(),
            SdeWindowStrategy.RANDOM,
            25),
        new RewardConfig(Map.of(), 2, rewardTimeout, onFailure),
        agentLoop,
        factory,
        scorer,
        learnerFactory,
        Optional.empty());
  }

  /** What {@link #run} draws, at a step. */
  RolloutSpec spec(int step) {
    return RolloutSpec.of(means().rollout(), means().sampler(), PROMPTS, step);
  }

  /** One rollout of a new runner. */
  RolloutBatch run() {
    return run(start());
  }

  static RolloutBatch run(RolloutRunner runner) {
    RolloutBatch batch = runner.run(PROMPTS, 0, RolloutListener.NONE);
    assertIdle(runner);
    return batch;
  }

  /** A rollout that fails with this and leaves no lease behind. */
  static void assertFails(RolloutRunner runner, String messagePattern) {
    assertThatThrownBy(() -> runner.run(PROMPTS, 0, RolloutListener.NONE))
        .isInstanceOf(RolloutException.class)
        .hasMessageMatching(messagePattern);
    assertIdle(runner);
  }

  /** So many requests wait in the router, sooner or later. */
  static void awaitWaiting(RolloutRunner runner, int requests) {
    assertThat(statsOnce(runner, stats -> stats.waiting() == requests).waiting())
        .isEqualTo(requests);
  }

  /** No request waits and no engine has one, as soon as running forwards have ended. */
  static void assertIdle(RolloutRunner runner) {
    EngineRouter.Stats stats = statsOnce(runner, now -> !isBusy(now));
    assertThat(stats.waiting()).isZero();
    assertThat(stats.leases()).containsOnly(0);
    assertThat(stats.samplesOutstanding()).containsOnly(0);
  }

  private static EngineRouter.Stats statsOnce(
      RolloutRunner runner, Predicate<EngineRouter.Stats> wanted) {
    long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    EngineRouter.Stats stats = runner.stats().toCompletableFuture().join();
    while (!wanted.test(stats) && System.nanoTime() < deadline) {
      stats = runner.stats().toCompletableFuture().join();
    }
    return stats;
  }

  private static boolean isBusy(EngineRouter.Stats stats) {
    return stats.waiting() > 0 || stats.leases().stream().anyMatch(leases -> leases > 0);
  }

  /** Opens the gate, closes every runner and checks that every engine and learner was closed. */
  @Override
  public void close() {
    gate.countDown();
    runners.forEach(RolloutRunner::close);
    assertThat(engines.open()).isZero();
    assertThat(learner.open()).isZero();
  }
}
