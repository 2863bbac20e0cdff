package io.flowloop.agentloop;

import static io.flowloop.agentloop.RolloutRig.PROMPTS;
import static io.flowloop.agentloop.RolloutRig.ROWS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.ToyEngines;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RolloutRunnerTest {

  private final RolloutRig rig = new RolloutRig();

  @AfterEach
  void close() {
    rig.close();
  }

  @Test
  void run_fivePrompts_givesWholeGroupsInOrderAndSamplesInRowOrder() {
    RolloutBatch batch = rig.run();

    assertThat(batch.groups()).extracting(RolloutGroup::prompt).isEqualTo(PROMPTS);
    assertThat(batch.samples())
        .extracting(sample -> sample.row().index())
        .isEqualTo(IntStream.range(0, ROWS).boxed().toList());
    assertThat(batch.batching()).hasToString("batched 20/20 rows in 5 requests");
    assertThat(batch.dropped()).isEmpty();
  }

  @Test
  void run_flagOff_saysWhyNothingWasBatched() {
    rig.enableBatchedDiffusion = false;

    assertThat(rig.run().batching())
        .hasToString("batched 0/20 rows in 20 requests (rollout.enableBatchedDiffusion is off)");
  }

  @Test
  void run_flagEnginesAndWorkersVaried_changesNoSample() {
    List<RewardedSample> expected = rig.run().samples();

    for (boolean batched : new boolean[] {true, false}) {
      for (int engines = 1; engines <= 3; engines += 2) {
        for (int workers = 1; workers <= 4; workers += 3) {
          rig.enableBatchedDiffusion = batched;
          rig.engineCount = engines;
          rig.workers = workers;
          assertSameSamples(rig.run().samples(), expected);
        }
      }
    }
  }

  @Test
  void run_requestsEndInAnotherOrder_changesNoSample() {
    List<RewardedSample> expected = rig.run().samples();
    // The third request is ready behind the first; all others overtake it.
    CountDownLatch othersBegun = new CountDownLatch(PROMPTS.size() - 2);
    rig.engines.before(
        drawn -> {
          if (drawn.request().prompt().equals("a")) {
            ToyEngines.await(othersBegun);
          } else {
            othersBegun.countDown();
          }
        });
    rig.engineCount = 2;
    rig.workers = 1;

    assertSameSamples(rig.run().samples(), expected);
  }

  @Test
  void run_anotherStep_drawsOtherImages() {
    RolloutRunner runner = rig.start();
    RolloutBatch first = runner.run(PROMPTS, 0, RolloutListener.NONE);
    RolloutBatch second = runner.run(PROMPTS, 1, RolloutListener.NONE);

    assertThat(pixels(second.samples().getFirst()))
        .isNotEqualTo(pixels(first.samples().getFirst()));
  }

  @Test
  void run_twoEngines_shareTheWork() {
    CountDownLatch both = new CountDownLatch(2);
    rig.engines.before(
        _ -> {
          both.countDown();
          ToyEngines.await(both);
        });
    rig.engineCount = 2;
    rig.run();

    assertThat(rig.engines.drawn()).extracting(ToyEngines.Drawn::engine).contains(0, 1);
  }

  @Test
  void run_rewardsOfOneRequest_areComputedWhileTheNextIsDrawn() {
    CountDownLatch secondBegun = new CountDownLatch(2);
    rig.engines.before(_ -> secondBegun.countDown());
    rig.scorer =
        (prompt, image) -> {
          ToyEngines.await(secondBegun);
          return ToyEngines.brightness(prompt, image);
        };

    assertThat(rig.run().groups()).hasSize(5);
  }

  @Test
  void run_listener_hearsEverySampleOnceAndCountsThem() {
    List<Integer> rows = new ArrayList<>();
    List<Integer> done = new ArrayList<>();
    rig.start()
        .run(
            PROMPTS,
            0,
            new RolloutListener() {
              @Override
              public void onSample(RewardedSample sample, int samplesDone, int all) {
                rows.add(sample.row().index());
                done.add(samplesDone * 100 / all);
              }
            });

    assertThat(rows).containsExactlyInAnyOrderElementsOf(IntStream.range(0, ROWS).boxed().toList());
    assertThat(done).isSorted().endsWith(100);
  }

  @Test
  void run_agentLoop_givesTheEngineItsTextAndTheSampleItsFields() {
    rig.agentLoop =
        new AgentLoop() {
          @Override
          public String name() {
            return "polite";
          }

          @Override
          public String engineText(String prompt) {
            return "please draw " + prompt;
          }

          @Override
          public Map<String, String> extraFields(RewardedSample sample) {
            return Map.of("asked", sample.row().prompt());
          }
        };
    RolloutBatch batch = rig.run();

    assertThat(rig.engines.drawn())
        .extracting(drawn -> drawn.request().prompt())
        .containsExactlyInAnyOrderElementsOf(
            PROMPTS.stream().map(prompt -> "please draw " + prompt).toList());
    assertThat(batch.samples().getFirst().extraFields()).containsEntry("asked", "a");
  }

  @Test
  void runAsync_twoAtOnce_shareTheEngineAndBothEnd() {
    RolloutRunner runner = rig.start();
    var first = runner.runAsync(PROMPTS, 0, RolloutListener.NONE).toCompletableFuture();
    var second = runner.runAsync(PROMPTS, 1, RolloutListener.NONE).toCompletableFuture();

    assertThat(first.join().step()).isZero();
    assertThat(second.join().samples()).hasSize(ROWS);
  }

  @Test
  void run_interruptedCaller_endsTheRollout() throws Exception {
    rig.engines.before(_ -> ToyEngines.await(rig.gate));
    RolloutRunner runner = rig.start();
    CompletableFuture<Throwable> thrown = new CompletableFuture<>();
    Thread caller =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    runner.run(PROMPTS, 0, RolloutListener.NONE);
                  } catch (RolloutException e) {
                    thrown.complete(e);
                  }
                });
    RolloutRig.awaitWaiting(runner, 3);
    caller.interrupt();

    assertThat(thrown.get()).hasMessage("step 0: interrupted");
    RolloutRig.awaitWaiting(runner, 0);
    rig.gate.countDown();
    RolloutRig.assertIdle(runner);
    assertThat(rig.engines.drawn()).hasSizeLessThan(PROMPTS.size());
  }

  @Test
  void run_badPrompts_areRefusedBeforeAnythingIsDrawn() {
    try (RolloutRunner runner =
        RolloutRunner.start(
            rig.means(),
            prompt -> {
              throw new IllegalArgumentException("no quotes in " + prompt);
            },
            () -> {})) {
      assertThatThrownBy(() -> runner.run(PROMPTS, 0, RolloutListener.NONE))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("no quotes in a");
      assertThatThrownBy(() -> runner.run(List.of(), 0, RolloutListener.NONE))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("prompts: []");
    }
    assertThat(rig.engines.drawn()).isEmpty();
  }

  @Test
  void start_noEngine_isRefused() {
    rig.engineCount = 0;

    assertThatThrownBy(rig::start)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rollout.engines: 0 (expected: 1 or more)");
  }

  @Test
  void close_duringARollout_failsItAndFreesTheEngineAfterItsForward() {
    CountDownLatch begun = new CountDownLatch(1);
    rig.engines.before(
        _ -> {
          begun.countDown();
          ToyEngines.await(rig.gate);
        });
    RolloutRunner runner = rig.start();
    var result = runner.runAsync(PROMPTS, 0, RolloutListener.NONE).toCompletableFuture();
    ToyEngines.await(begun);

    var closed = CompletableFuture.runAsync(runner::close);

    assertThatThrownBy(result::join)
        .isInstanceOf(CompletionException.class)
        .hasCauseInstanceOf(RolloutException.class);
    assertThat(rig.engines.open()).isEqualTo(1);
    rig.gate.countDown();
    closed.join();
    assertThat(rig.engines.open()).isZero();
    assertThatThrownBy(() -> runner.run(PROMPTS, 1, RolloutListener.NONE))
        .isInstanceOf(RolloutException.class)
        .hasMessage("the loop is closed");
  }

  @Test
  void beforeEnd_rolloutRuns_isCalledBeforeItFails() {
    CountDownLatch begun = new CountDownLatch(1);
    rig.engines.before(
        _ -> {
          begun.countDown();
          ToyEngines.await(rig.gate);
        });
    RolloutRunner runner = rig.start();
    var result = runner.rollout(rig.spec(0), RolloutListener.NONE);
    CompletableFuture<Boolean> failedBefore = new CompletableFuture<>();
    runner.beforeEnd(() -> failedBefore.complete(result.isDone()));
    ToyEngines.await(begun);

    var closed = CompletableFuture.runAsync(runner::close);

    assertThat(failedBefore.join()).isFalse();
    assertThatThrownBy(result::join).hasCauseInstanceOf(RolloutException.class);
    rig.gate.countDown();
    closed.join();
  }

  /** All but the timings, which tell how the rows were batched. */
  private static void assertSameSamples(
      List<RewardedSample> samples, List<RewardedSample> expected) {
    assertThat(samples)
        .usingRecursiveComparison()
        .ignoringFieldsMatchingRegexes(".*timings.*")
        .isEqualTo(expected);
  }

  private static byte[] pixels(RewardedSample sample) {
    return sample.sample().image().rgb();
  }
}
