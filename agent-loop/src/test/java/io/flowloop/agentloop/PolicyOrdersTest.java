package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.Sampling;
import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.ToyEngines;
import io.flowloop.rollout.ToyLearner;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Rollouts, weight syncs and the learner's orders, in whatever order they come. */
class PolicyOrdersTest {

  private final RolloutRig rig = new RolloutRig();

  @AfterEach
  void close() {
    rig.close();
  }

  @Test
  void rollout_validationSpec_hasItsOwnSizeSeedAndSampling() {
    RolloutSpec spec = new RolloutSpec(7, List.of("x", "y"), 3, 99, Sampling.ode(6), 0, 0);

    RolloutBatch batch = rig.start().rollout(spec, RolloutListener.NONE).join();

    assertThat(batch.groups()).hasSize(2).allSatisfy(g -> assertThat(g.samples()).hasSize(3));
    assertThat(batch.samples())
        .extracting(sample -> sample.row().seed())
        .isEqualTo(IntStream.range(0, 6).mapToObj(row -> RowSeed.of(99, 7, row)).toList());
    assertThat(batch.samples())
        .extracting(sample -> sample.sample().trajectory().sigmas().length)
        .containsOnly(7);
  }

  @Test
  void sync_rolloutRuns_waitsForItAndHoldsBackTheNextOne() {
    CountDownLatch begun = new CountDownLatch(1);
    rig.engines.before(
        _ -> {
          begun.countDown();
          ToyEngines.await(rig.gate);
        });
    rig.engineCount = 2;
    RolloutRunner runner = rig.start();
    CompletableFuture<RolloutBatch> first = runner.rollout(rig.spec(0), RolloutListener.NONE);
    CompletableFuture<EngineRouter.Synced> sync = runner.sync(ToyEngines.weights(4));
    CompletableFuture<RolloutBatch> second = runner.rollout(rig.spec(1), RolloutListener.NONE);
    ToyEngines.await(begun);
    assertThat(rig.engines.loaded()).isEmpty();

    rig.gate.countDown();

    assertThat(sync.join()).isEqualTo(new EngineRouter.Synced(4, 2));
    assertThat(versions(first.join())).containsExactly(0L);
    assertThat(versions(second.join())).containsExactly(4L);
    List<Integer> rows =
        rig.engines.drawn().stream()
            .map(drawn -> drawn.request().seeds().getFirst().row())
            .toList();
    assertThat(rows.subList(0, 5)).containsExactlyInAnyOrder(0, 4, 8, 12, 16);
  }

  @Test
  void sync_fails_saysWhyAndTheNextOneMayPass() {
    rig.engineCount = 2;
    rig.engines.loading((engine, weights) -> engine == 1 ? 0xbadL : weights.checksum());
    RolloutRunner runner = rig.start();

    assertThatThrownBy(() -> runner.sync(ToyEngines.weights(4)).join())
        .hasCauseInstanceOf(RolloutException.class)
        .hasMessageContaining("weight sync: engine 1 loaded policy version 4, checksum 00000bad");
    RolloutRig.assertFails(runner, "step 0: .*: drawn with policy version 4 \\(expected: 0\\)");
    assertThat(runner.sync(ToyEngines.weights(5)).join().engines()).isEqualTo(1);
    assertThat(versions(RolloutRig.run(runner))).containsExactly(5L);
  }

  @Test
  void orders_givenUpBeforeTheirTurn_neverBegin() {
    CountDownLatch begun = new CountDownLatch(1);
    rig.engines.before(
        _ -> {
          begun.countDown();
          ToyEngines.await(rig.gate);
        });
    RolloutRunner runner = rig.start();
    CompletableFuture<RolloutBatch> first = runner.rollout(rig.spec(0), RolloutListener.NONE);
    CompletableFuture<EngineRouter.Synced> sync = runner.sync(ToyEngines.weights(4));
    CompletableFuture<RolloutBatch> second = runner.rollout(rig.spec(1), RolloutListener.NONE);
    ToyEngines.await(begun);
    sync.cancel(false);

    rig.gate.countDown();

    assertThat(versions(first.join())).containsExactly(0L);
    assertThat(versions(second.join())).containsExactly(0L);
    assertThat(rig.engines.loaded()).isEmpty();
  }

  @Test
  void close_ordersThatWait_failsThemAll() {
    CountDownLatch begun = new CountDownLatch(1);
    rig.engines.before(
        _ -> {
          begun.countDown();
          ToyEngines.awaitInterrupt();
        });
    RolloutRunner runner = rig.start();
    List<CompletableFuture<?>> orders =
        List.of(
            runner.rollout(rig.spec(0), RolloutListener.NONE),
            runner.sync(ToyEngines.weights(4)),
            runner.rollout(rig.spec(1), RolloutListener.NONE));
    ToyEngines.await(begun);

    runner.close();

    assertThat(orders)
        .allSatisfy(
            order -> assertThatThrownBy(order::join).hasCauseInstanceOf(RolloutException.class));
    assertThat(rig.engines.open()).isZero();
  }

  @Test
  void restore_state_isTheLearnersPolicyAndTheNextStepGoesOnFromIt() {
    rig.learnerFactory = Optional.of(rig.learner);
    RolloutRunner runner = rig.start();
    assertThat(runner.policy().join().version()).isZero();

    PolicyWeights restored = runner.restore(ToyLearner.state(7, 2)).join().weights();
    runner.sync(restored).join();

    assertThat(runner.policy().join().state().version()).isEqualTo(7);
    TrainedStep trained =
        runner
            .trainStep(
                rig.spec(7),
                List.of(),
                s -> new double[s.size()],
                StepJournal.NONE,
                RolloutListener.NONE)
            .join();
    assertThat(trained.policy().version()).isEqualTo(8);
    assertThat(versions(trained.batch())).containsExactly(7L);
  }

  @Test
  void restore_noLearner_saysSo() {
    RolloutRunner runner = rig.start();

    assertThatThrownBy(() -> runner.restore(ToyLearner.state(7, 2)).join())
        .hasCauseInstanceOf(RolloutException.class)
        .hasMessageContaining("learner: none");
    assertThatThrownBy(() -> runner.policy().join()).hasMessageContaining("learner: none");
  }

  @Test
  void orders_fromManyThreads_noBatchMixesVersionsAndNoneIsLost() {
    rig.engineCount = 3;
    RolloutRunner runner = rig.start();
    AtomicLong version = new AtomicLong();
    List<CompletableFuture<RolloutBatch>> rollouts =
        Collections.synchronizedList(new ArrayList<>());
    List<CompletableFuture<EngineRouter.Synced>> syncs =
        Collections.synchronizedList(new ArrayList<>());
    List<Thread> callers =
        IntStream.range(0, 4)
            .mapToObj(
                caller ->
                    Thread.ofPlatform()
                        .start(
                            () -> {
                              Random random = new Random(caller);
                              for (int i = 0; i < 50; i++) {
                                if (random.nextInt(3) == 0) {
                                  syncs.add(
                                      runner.sync(ToyEngines.weights(version.incrementAndGet())));
                                } else {
                                  rollouts.add(runner.rollout(rig.spec(i), RolloutListener.NONE));
                                }
                              }
                            }))
            .toList();
    callers.forEach(PolicyOrdersTest::join);

    assertThat(rollouts).allSatisfy(order -> assertThat(versions(order.join())).hasSize(1));
    assertThat(syncs).allSatisfy(order -> assertThat(order.join().engines()).isEqualTo(3));
    assertThat(rollouts.size() + syncs.size()).isEqualTo(200);
    assertThat(rollouts.stream().flatMap(order -> versions(order.join()).stream()).distinct())
        .hasSizeGreaterThan(10);
    RolloutRig.assertIdle(runner);
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<Long> versions(RolloutBatch batch) {
    return batch.samples().stream()
        .map(sample -> sample.sample().policyVersion())
        .distinct()
        .toList();
  }
}
