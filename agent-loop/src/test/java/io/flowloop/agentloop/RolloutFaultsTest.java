package io.flowloop.agentloop;

import static io.flowloop.agentloop.RolloutRig.PROMPTS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.OnFailure;
import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.Drawn;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.StepListener;
import io.flowloop.reward.Reward;
import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.RewardScorer;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.ToyEngines;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What breaks, what the caller is told, and that every lease comes back. */
class RolloutFaultsTest {

  private static final Duration SHORT = Duration.ofMillis(500);

  private final RolloutRig rig = new RolloutRig();

  @AfterEach
  void close() {
    rig.close();
  }

  @Test
  void engineThrows_failRun_namesPromptRowsAndCauseAndTheNextRolloutRuns() {
    breakEngineOn("c");
    RolloutRunner runner = rig.start();

    RolloutRig.assertFails(
        runner,
        "step 0: rows 8 to 11, prompt 'c': 3 attempts failed, the last on engine 0: out of memory");
    rig.engines.before(_ -> {});
    assertThat(RolloutRig.run(runner).groups()).hasSize(5);
  }

  @Test
  void engineThrows_dropGroup_keepsTheOthersAndTellsTheCause() {
    breakEngineOn("c");
    rig.onFailure = OnFailure.DROP_GROUP;
    List<DroppedGroup> told = new ArrayList<>();
    RolloutRunner runner = rig.start();
    RolloutBatch batch =
        runner.run(
            PROMPTS,
            0,
            new RolloutListener() {
              @Override
              public void onDroppedGroup(DroppedGroup group) {
                told.add(group);
              }
            });

    assertThat(batch.groups()).extracting(RolloutGroup::index).containsExactly(0, 1, 3, 4);
    assertThat(batch.dropped()).hasSize(1).isEqualTo(told);
    assertThat(told.getFirst().rows()).containsExactly(8, 9, 10, 11);
    assertThat(told.getFirst().cause())
        .hasMessage(
            "rows 8 to 11, prompt 'c': 3 attempts failed, the last on engine 0: out of memory");
    RolloutRig.assertIdle(runner);
  }

  @Test
  void everyGroupFails_dropGroup_failsTheRun() {
    rig.engines.before(
        _ -> {
          throw new EngineException("out of memory");
        });
    rig.onFailure = OnFailure.DROP_GROUP;

    RolloutRig.assertFails(
        rig.start(), "step 0: all 5 groups failed, one of them: rows .*: out of memory");
  }

  @Test
  void engineCannotBeCreated_dropGroup_failsTheRunWithTheCauseInsteadOfHanging() {
    rig.factory =
        _ -> {
          throw new UnsatisfiedLinkError("libtorch_cpu.so");
        };
    rig.onFailure = OnFailure.DROP_GROUP;

    RolloutRig.assertFails(
        rig.start(),
        "step 0: engine 0 could not start: java.lang.UnsatisfiedLinkError: libtorch_cpu.so");
  }

  @Test
  void oneOfTwoEnginesDies_otherDrawsTheSameSamples() {
    List<Double> expected = rewards(rig.run());
    rig.engines.before(
        drawn -> {
          if (drawn.engine() == 1) {
            throw new StackOverflowError();
          }
        });
    rig.engineCount = 2;

    assertThat(rewards(rig.run())).isEqualTo(expected);
  }

  @Test
  void requestTimesOut_dropGroup_dropsItsGroupAndTheOtherEngineGoesOn() {
    rig.engines.before(
        drawn -> {
          if (drawn.request().prompt().equals("a")) {
            ToyEngines.await(rig.gate);
          }
        });
    rig.engineCount = 2;
    rig.requestTimeout = SHORT;
    rig.onFailure = OnFailure.DROP_GROUP;
    RolloutBatch batch = rig.run();

    assertThat(batch.groups()).hasSize(4);
    assertThat(batch.dropped()).extracting(DroppedGroup::prompt).containsExactly("a");
    assertThat(batch.dropped().getFirst().cause())
        .hasMessageContaining("did not answer within PT0.5S (rollout.requestTimeout)");
  }

  @Test
  void samplesOfAnotherPolicyVersion_failRun_namesRowsAndVersions() {
    rig.factory = index -> stale(rig.engines.create(index));

    RolloutRig.assertFails(
        rig.start(),
        "step 0: rows .* to .*, prompt '.': drawn with policy version 8 \\(expected: 0\\)");
  }

  @Test
  void samplesOfAnotherPolicyVersion_dropGroup_refusesTheirGroupsAlone() {
    CountDownLatch both = new CountDownLatch(2);
    rig.engines.before(
        _ -> {
          both.countDown();
          ToyEngines.await(both);
        });
    rig.factory =
        index -> index == 0 ? rig.engines.create(index) : stale(rig.engines.create(index));
    rig.engineCount = 2;
    rig.onFailure = OnFailure.DROP_GROUP;
    RolloutBatch batch = rig.run();

    assertThat(batch.samples()).extracting(s -> s.sample().policyVersion()).containsOnly(0L);
    assertThat(batch.dropped()).isNotEmpty();
    assertThat(batch.dropped().getFirst().cause())
        .hasMessageContaining("drawn with policy version 8 (expected: 0)");
  }

  @Test
  void rewardThrowsOnce_isTriedAgain() {
    AtomicInteger calls = new AtomicInteger();
    rig.scorer =
        (prompt, image) -> {
          if (calls.getAndIncrement() == 3) {
            throw new IllegalStateException("flaky");
          }
          return ToyEngines.brightness(prompt, image);
        };

    assertThat(rig.run().groups()).hasSize(5);
    assertThat(calls).hasValue(RolloutRig.ROWS + 1);
  }

  @Test
  void rewardThrowsTwice_failRun_namesPromptRowAndCauseAndLeavesNothingBehind() {
    rig.scorer = throwingOn("b");
    rig.enableBatchedDiffusion = false;
    rig.workers = 1;
    RolloutRunner runner = rig.start();

    RolloutRig.assertFails(runner, "step 0: row [4-7], prompt 'b': no text found");
    assertThat(runner.run(List.of("c"), 1, RolloutListener.NONE).samples()).hasSize(RolloutRig.N);
  }

  @Test
  void rewardThrowsTwice_dropGroup_dropsItWholeBatchedOrNot() {
    rig.scorer = throwingOn("d");
    rig.onFailure = OnFailure.DROP_GROUP;

    for (boolean batched : new boolean[] {true, false}) {
      rig.enableBatchedDiffusion = batched;
      RolloutBatch batch = rig.run();

      assertThat(batch.groups()).extracting(RolloutGroup::index).containsExactly(0, 1, 2, 4);
      assertThat(batch.dropped().getFirst().cause())
          .hasMessageMatching("row 1[2-5], prompt 'd': no text found");
    }
  }

  @Test
  void rewardIsNaN_dropGroup_isAFailureNeverAZero() {
    rig.scorer =
        (prompt, image) ->
            prompt.equals("b")
                ? new Reward(Double.NaN, Map.of())
                : ToyEngines.brightness(prompt, image);
    rig.onFailure = OnFailure.DROP_GROUP;
    RolloutBatch batch = rig.run();

    assertThat(batch.dropped()).extracting(DroppedGroup::prompt).containsExactly("b");
    assertThat(rewards(batch)).hasSize(16).doesNotContain(0.0);
  }

  @Test
  void rewardHangs_dropGroup_timesOutTwiceAndTheOthersAreScored() {
    rig.scorer =
        (prompt, image) -> {
          if (prompt.equals("b")) {
            ToyEngines.await(rig.gate);
          }
          return ToyEngines.brightness(prompt, image);
        };
    rig.rewardTimeout = SHORT;
    rig.onFailure = OnFailure.DROP_GROUP;
    RolloutBatch batch = rig.run();

    assertThat(batch.groups()).hasSize(4);
    assertThat(batch.dropped().getFirst().cause())
        .hasMessageMatching("row [4-7], prompt 'b': no reward within PT0.5S \\(reward.timeout\\)");
  }

  @Test
  void agentLoopThrows_failsTheRolloutAndTheNextOneRuns() {
    AtomicInteger calls = new AtomicInteger();
    rig.agentLoop =
        new AgentLoop() {
          @Override
          public String name() {
            return "broken";
          }

          @Override
          public Map<String, String> extraFields(RewardedSample sample) {
            if (calls.getAndIncrement() == 0) {
              throw new IllegalStateException("no such field");
            }
            return Map.of();
          }
        };
    RolloutRunner runner = rig.start();

    RolloutRig.assertFails(runner, "step 0: no such field");
    assertThat(RolloutRig.run(runner).groups()).hasSize(5);
  }

  @Test
  void agentLoopThrowsBeforeAnyRequest_failsTheRollout() {
    rig.agentLoop =
        new AgentLoop() {
          @Override
          public String name() {
            return "broken";
          }

          @Override
          public String engineText(String prompt) {
            throw new IllegalStateException("no template");
          }
        };

    RolloutRig.assertFails(rig.start(), "step 0: no template");
  }

  @Test
  void listenerThrows_failsTheRollout() {
    RolloutRunner runner = rig.start();

    assertThatThrownBy(
            () ->
                runner.run(
                    PROMPTS,
                    0,
                    new RolloutListener() {
                      @Override
                      public void onSample(RewardedSample sample, int done, int rows) {
                        throw new IllegalStateException("terminal is gone");
                      }
                    }))
        .hasMessage("step 0: terminal is gone");
    RolloutRig.assertIdle(runner);
  }

  private void breakEngineOn(String prompt) {
    rig.engines.before(
        drawn -> {
          if (drawn.request().prompt().equals(prompt)) {
            throw new EngineException("out of memory");
          }
        });
  }

  /** An engine whose weights are not those that it was told to load. */
  private static DiffusionEngine stale(DiffusionEngine engine) {
    return new DiffusionEngine() {
      @Override
      public List<Drawn> generate(List<RolloutRequest> requests, StepListener steps) {
        return engine.generate(requests, steps).stream()
            .<Drawn>map(
                drawn ->
                    new Drawn.Whole(drawn.samples().stream().map(s -> withVersion(s, 8)).toList()))
            .toList();
      }

      @Override
      public long load(PolicyWeights weights) {
        return engine.load(weights);
      }

      @Override
      public long policyVersion() {
        return engine.policyVersion();
      }

      @Override
      public void close() {
        engine.close();
      }
    };
  }

  private static Sample withVersion(Sample s, long version) {
    return new Sample(
        s.row(), s.image(), s.trajectory(), s.promptEmbedding(), version, s.timings());
  }

  private static RewardScorer throwingOn(String bad) {
    return (prompt, image) -> {
      if (prompt.equals(bad)) {
        throw new IllegalStateException("no text found");
      }
      return ToyEngines.brightness(prompt, image);
    };
  }

  private static List<Double> rewards(RolloutBatch batch) {
    return batch.samples().stream().map(sample -> sample.reward().total()).toList();
  }
}
