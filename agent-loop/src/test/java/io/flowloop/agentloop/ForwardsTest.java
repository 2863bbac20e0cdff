package io.flowloop.agentloop;

import static io.flowloop.agentloop.RolloutRig.N;
import static io.flowloop.agentloop.RolloutRig.PROMPTS;
import static io.flowloop.agentloop.RolloutRig.ROWS;
import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.ToyEngines;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Batching that silently falls back to single rows, engines that take turns, and rewards that hold
 * engines up change no sample; here they are counted.
 */
class ForwardsTest {

  /** Of a rig's sampler. */
  private static final int DENOISING_STEPS = 3;

  private static final List<String> NUMBERS =
      List.of("\"10\"", "\"11\"", "\"12\"", "\"13\"", "\"14\"");

  private final RolloutRig rig = new RolloutRig();

  @AfterEach
  void close() {
    rig.close();
  }

  @Test
  void run_flagOn_makesOneRequestAPromptAndForwardsOfAllItsRows() {
    RecordingEngines engines = drawn(true, 64);

    assertThat(rows(engines.requests())).isEqualTo(times(NUMBERS.size(), N));
    assertThat(rows(engines.forwards())).isEqualTo(times(NUMBERS.size() * DENOISING_STEPS, N));
  }

  @Test
  void run_flagOff_makesOneRequestARowAndForwardsOfOneRow() {
    RecordingEngines engines = drawn(false, 64);

    assertThat(rows(engines.requests())).isEqualTo(times(ROWS, 1));
    assertThat(rows(engines.forwards())).isEqualTo(times(ROWS * DENOISING_STEPS, 1));
  }

  @Test
  void run_moreRowsThanAForwardHolds_cutsForwardsAndNotRequests() {
    RecordingEngines engines = drawn(true, 3);

    assertThat(rows(engines.requests())).isEqualTo(times(NUMBERS.size(), N));
    List<Integer> ofOneRequest = List.of(3, 3, 3, 1, 1, 1);
    List<Integer> engineByEngine =
        engines.forwards().stream()
            .sorted(Comparator.comparingInt(RecordingEngines.Work::engine))
            .map(RecordingEngines.Work::rows)
            .toList();
    assertThat(engineByEngine)
        .isEqualTo(
            Collections.nCopies(NUMBERS.size(), ofOneRequest).stream()
                .flatMap(List::stream)
                .toList());
  }

  @Test
  void run_memoryForTwoRows_halvesOneForwardAndCountsIt() {
    RecordingEngines engines = new RecordingEngines(64, 2);
    rig.factory = engines;
    RolloutRunner runner = rig.start();

    RolloutSummary summary = RolloutSummary.of(runner.run(NUMBERS, 0, RolloutListener.NONE));

    assertThat(rows(engines.forwards()).getFirst()).isEqualTo(N);
    assertThat(rows(engines.forwards()).subList(1, engines.forwards().size()))
        .isEqualTo(times(ROWS / 2 * DENOISING_STEPS, 2));
    assertThat(summary.forwards()).isEqualTo(Map.of(2, ROWS / 2 * DENOISING_STEPS));
    assertThat(summary.oomSplits()).isEqualTo(1);
    assertThat(runner.stats().toCompletableFuture().join().oomSplits()).isEqualTo(1);
  }

  @Test
  void run_twoEngines_drawAtTheSameTime() {
    AtomicInteger pairs = new AtomicInteger();
    CyclicBarrier both = new CyclicBarrier(2, pairs::incrementAndGet);
    rig.engineCount = 2;
    rig.engines.before(_ -> await(both));

    rig.start().run(PROMPTS.subList(0, 4), 0, RolloutListener.NONE);

    assertThat(pairs).hasValue(2);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void run_rewardsThatWait_letTheEnginesDrawEverything(boolean batched) {
    CountDownLatch drawn = new CountDownLatch(batched ? PROMPTS.size() : ROWS);
    rig.enableBatchedDiffusion = batched;
    rig.engineCount = 2;
    rig.engines.before(_ -> drawn.countDown());
    rig.scorer =
        (prompt, image) -> {
          ToyEngines.await(drawn);
          return ToyEngines.brightness(prompt, image);
        };

    assertThat(rig.run().samples()).hasSize(ROWS);
  }

  @Test
  void runAsync_rewardsThatWait_letActorsAnswerAndTheNextRolloutDraw() {
    CountDownLatch drawn = new CountDownLatch(2 * PROMPTS.size());
    AtomicInteger rewarded = new AtomicInteger();
    rig.engines.before(_ -> drawn.countDown());
    rig.scorer =
        (prompt, image) -> {
          ToyEngines.await(rig.gate);
          rewarded.incrementAndGet();
          return ToyEngines.brightness(prompt, image);
        };
    RolloutRunner runner = rig.start();
    var first = runner.runAsync(PROMPTS, 0, RolloutListener.NONE).toCompletableFuture();
    var second = runner.runAsync(PROMPTS, 1, RolloutListener.NONE).toCompletableFuture();

    ToyEngines.await(drawn);
    EngineRouter.Stats stats = runner.stats().toCompletableFuture().join();

    assertThat(stats.waiting()).isZero();
    assertThat(rewarded).hasValue(0);
    rig.gate.countDown();
    assertThat(first.join().samples()).hasSize(ROWS);
    assertThat(second.join().samples()).hasSize(ROWS);
    assertThat(rewarded).hasValue(2 * ROWS);
  }

  /** Engines, two of them, that have drawn a rollout. */
  private RecordingEngines drawn(boolean batched, int maxRowsPerForward) {
    RecordingEngines engines = new RecordingEngines(maxRowsPerForward);
    rig.enableBatchedDiffusion = batched;
    rig.engineCount = 2;
    rig.factory = engines;
    assertThat(rig.start().run(NUMBERS, 0, RolloutListener.NONE).samples()).hasSize(ROWS);
    return engines;
  }

  private static List<Integer> rows(List<RecordingEngines.Work> work) {
    return work.stream().map(RecordingEngines.Work::rows).toList();
  }

  private static List<Integer> times(int count, int rows) {
    return Collections.nCopies(count, rows);
  }

  private static void await(CyclicBarrier barrier) {
    try {
      barrier.await(20, TimeUnit.SECONDS);
    } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
      throw new IllegalStateException("the other engine is not drawing", e);
    }
  }
}
