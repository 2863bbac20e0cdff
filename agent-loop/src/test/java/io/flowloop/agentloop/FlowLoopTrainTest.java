package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.within;

import io.flowloop.agentloop.TinyLoop.Measure;
import io.flowloop.config.AdvantageConfig;
import io.flowloop.config.AdvantageScale;
import io.flowloop.config.ConfigException;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.RewardAggregation;
import io.flowloop.config.SamplerConfig;
import io.flowloop.config.SdeType;
import io.flowloop.engine.EngineException;
import io.flowloop.reward.Advantages;
import io.flowloop.reward.Reward;
import io.flowloop.reward.RewardFunction;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.ToyEngines;
import io.flowloop.rollout.ToyLearner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training through the embedding API over toys: who is told what, and what is refused. */
class FlowLoopTrainTest {

  @TempDir private Path dir;

  private TinyLoop tiny;

  @BeforeEach
  void tiny() {
    tiny = new TinyLoop(dir);
  }

  @Test
  void train_tracker_hearsOfAllInOrder() {
    Diary diary = new Diary();
    try (FlowLoop loop = tiny.toy("trainer.steps=3").tracker(diary).build()) {
      TrainingSummary summary = loop.train();

      assertThat(diary.lines())
          .containsExactly(
              "start 0/3",
              "validation 0 of 2",
              "step 1",
              "step 2",
              "validation 2 of 2",
              "step 3",
              "validation 3 of 2",
              "close");
      assertThat(summary.step()).isEqualTo(3);
      assertThat(summary.stopped()).isFalse();
      assertThat(summary.dir()).isEqualTo(tiny.run());
    }
    assertThat(tiny.newest().step()).isEqualTo(3);
    assertThat(tiny.warnings).isEmpty();
  }

  @Test
  void train_trackerThatThrows_isClosedAndTheRunGoesOn() {
    Diary broken =
        new Diary(
            _ -> {
              throw new IOException("disk full");
            });
    Diary sound = new Diary();
    try (FlowLoop loop = tiny.toy().tracker(broken).tracker(sound).build()) {
      assertThat(loop.train().step()).isEqualTo(2);
    }
    assertThat(broken.lines()).containsExactly("start 0/2", "validation 0 of 2", "step 1", "close");
    assertThat(sound.lines()).contains("step 2").endsWith("close");
    assertThat(tiny.warnings)
        .containsExactly("tracker diary: java.io.IOException: disk full; it is told no more");
  }

  @Test
  void train_settingsOfAProgram_thatCannotBeTrainedWith_areRefusedAtOnce() {
    FlowLoopConfig config = tiny.config("rollout.n=1");
    SamplerConfig ode =
        new SamplerConfig(
            4,
            1,
            SdeType.ODE,
            0,
            OptionalInt.empty(),
            Optional.empty(),
            config.sampler().sdeWindowStrategy(),
            1);
    Diary diary = new Diary();
    FlowLoop.Builder builder =
        FlowLoop.builder(TinyLoop.with(config, ode, config.model()))
            .engines(tiny.engines)
            .learner(tiny.learner)
            .tracker(diary);
    try (FlowLoop loop = builder.build()) {
      assertThatThrownBy(loop::train)
          .isInstanceOf(ConfigException.class)
          .hasMessageContainingAll(
              "3 problems in the program",
              "rollout.n: 1",
              "sampler.sdeType: ode",
              "sampler.noiseLevel: 0.0");
      assertThat(loop.rollout(TinyLoop.PROMPTS).samples()).hasSize(2);
    }
    assertThat(diary.lines()).isEmpty();
    assertThat(tiny.run()).doesNotExist();
  }

  @Test
  void train_foreignModelWithItsLearner_isNoProblem() {
    FlowLoop.Builder flux =
        FlowLoop.builder(TinyLoop.ofModel(tiny.config("trainer.steps=1"), "flux"))
            .engines(tiny.engines)
            .ownRewardsOnly()
            .rewardFunction(TinyLoop.brightness(), 1);
    try (FlowLoop loop = flux.build()) {
      assertThatThrownBy(loop::train)
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("model.name: flux");
    }
    try (FlowLoop loop =
        FlowLoop.builder(TinyLoop.ofModel(tiny.config("trainer.steps=1"), "flux"))
            .engines(tiny.engines)
            .learner(tiny.learner)
            .ownRewardsOnly()
            .rewardFunction(TinyLoop.brightness(), 1)
            .build()) {
      assertThat(loop.train().step()).isEqualTo(1);
    }
    assertThat(tiny.newest().metadata()).containsEntry("model", "flux");
  }

  @Test
  void train_promptThatIsRefused_endsBeforeAnythingBegins() {
    FlowLoop.Builder strict =
        tiny.toy()
            .promptCheck(
                prompt -> {
                  if (prompt.startsWith("d")) {
                    throw new IllegalArgumentException("prompt '%s': no d".formatted(prompt));
                  }
                });
    try (FlowLoop loop = strict.build()) {
      assertThatThrownBy(loop::train)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("prompt 'd \"45\"': no d");
    }
    assertThat(tiny.engines.drawn()).isEmpty();
    assertThat(tiny.run()).doesNotExist();
  }

  @Test
  void train_folderOfARun_isRefusedAndResumeGoesOnThere() {
    try (FlowLoop loop = tiny.toy().build()) {
      var _ = loop.train();
      assertThatThrownBy(loop::train)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageMatching(
              "trainer.dir: .*run \\(expected: a folder without a run\\); it holds"
                  + " .*step-000002: resume, or set another");
    }
    Diary diary = new Diary();
    try (FlowLoop loop = tiny.toy("trainer.steps=3").tracker(diary).build()) {
      assertThat(loop.resume().step()).isEqualTo(3);
    }
    assertThat(diary.lines()).containsExactly("start 2/3", "step 3", "validation 3 of 2", "close");
  }

  @Test
  void whileTraining_anotherAndForeignWeightsAreRefusedAndRolloutsDraw() {
    List<Throwable> refused = new ArrayList<>();
    List<Long> versions = new ArrayList<>();
    List<FlowLoop> self = new ArrayList<>();
    Diary diary =
        new Diary(
            step -> {
              FlowLoop loop = self.getFirst();
              refused.add(catchThrowable(loop::train));
              refused.add(catchThrowable(loop::resume));
              refused.add(catchThrowable(() -> loop.setPolicy(ToyEngines.weights(9))));
              versions.add(
                  loop.rollout(TinyLoop.PROMPTS).samples().getFirst().sample().policyVersion());
            });
    try (FlowLoop loop = tiny.toy().tracker(diary).build()) {
      self.add(loop);
      assertThat(loop.train().step()).isEqualTo(2);

      loop.setPolicy(ToyEngines.weights(9));
      assertThat(loop.rollout(TinyLoop.PROMPTS).samples())
          .extracting(sample -> sample.sample().policyVersion())
          .containsOnly(9L);
    }
    assertThat(refused).hasSize(6).allMatch(IllegalStateException.class::isInstance);
    assertThat(refused)
        .extracting(Throwable::getMessage)
        .contains(
            "training: runs already (expected: one train or resume of a loop at a time)",
            "policy version 9: handed in during a training (expected: after its end, or stop it)");
    assertThat(versions).containsExactly(1L, 2L);
  }

  @Test
  void stop_fromAnotherThread_savesTheLastWholeStepAndResumeEndsTheSame() throws Exception {
    CountDownLatch learning = new CountDownLatch(1);
    tiny.learner.before(
        update -> {
          if (update.trainingStep() == 1) {
            learning.countDown();
            ToyLearner.awaitCancelled(update);
          }
        });
    try (FlowLoop loop = tiny.toy("trainer.steps=3", "trainer.saveEvery=100").build()) {
      Thread stopper =
          Thread.ofPlatform()
              .start(
                  () -> {
                    ToyEngines.await(learning);
                    loop.stop();
                  });
      TrainingSummary stopped = loop.train();
      stopper.join();
      assertThat(stopped.stopped()).isTrue();
      assertThat(stopped.step()).isEqualTo(1);

      tiny.learner.before(_ -> {});
      TrainingSummary resumed = loop.resume();
      assertThat(resumed.stopped()).isFalse();
      assertThat(resumed.step()).isEqualTo(3);
    }
    TinyLoop other = new TinyLoop(Files.createDirectory(dir.resolve("other")));
    try (FlowLoop loop = other.toy("trainer.steps=3").build()) {
      var _ = loop.train();
    }
    assertThat(TinyLoop.bits(tiny.newest())).isEqualTo(TinyLoop.bits(other.newest()));
  }

  @Test
  void stop_beforeATraining_stopsTheNextAndOnlyThat() {
    try (FlowLoop loop = tiny.toy().build()) {
      loop.stop();
      assertThat(loop.train()).extracting(TrainingSummary::stopped).isEqualTo(true);
      assertThat(tiny.learner.updates()).isEmpty();
      assertThat(loop.train()).extracting(TrainingSummary::step).isEqualTo(2);
    }
  }

  @Test
  void interrupt_duringTraining_stopsItSavesAndKeepsTheInterrupt() {
    Diary diary = new Diary(_ -> Thread.currentThread().interrupt());
    try (FlowLoop loop = tiny.toy("trainer.saveEvery=100").tracker(diary).build()) {
      TrainingSummary summary = loop.train();
      assertThat(Thread.interrupted()).isTrue();
      assertThat(summary.stopped()).isTrue();
      assertThat(summary.step()).isEqualTo(1);
    }
    assertThat(tiny.newest().step()).isEqualTo(1);
    assertThat(diary.lines()).endsWith("step 1", "close");
  }

  @Test
  void close_duringTraining_savesAndReturns() throws InterruptedException {
    CountDownLatch learning = new CountDownLatch(1);
    tiny.learner.before(
        update -> {
          if (update.trainingStep() == 1) {
            learning.countDown();
            ToyLearner.awaitCancelled(update);
          }
        });
    FlowLoop loop = tiny.toy("trainer.saveEvery=100").build();
    Thread closer =
        Thread.ofPlatform()
            .start(
                () -> {
                  ToyEngines.await(learning);
                  loop.close();
                });
    TrainingSummary summary = loop.train();
    closer.join();
    assertThat(summary.stopped()).isTrue();
    assertThat(tiny.newest().step()).isEqualTo(1);
    assertThat(tiny.learner.open() + tiny.engines.open()).isZero();
  }

  @Test
  void gdpo_ownRewards_countByTheirWeightsWhateverTheirSpread() {
    Map<Measure, Double> rewards = new LinkedHashMap<>();
    rewards.put(TinyLoop.brightness(), 1.0);
    rewards.put(
        new Measure("red", (_, image) -> 1000.0 * Byte.toUnsignedInt(image.rgb()[0])), -0.5);
    List<Reward> seen = new ArrayList<>();
    try (FlowLoop loop =
        tiny.toy(rewards, "advantage.aggregation=gdpo", "trainer.steps=1").build()) {
      loop.rollout(TinyLoop.order(TinyLoop.PROMPTS)).samples().forEach(s -> seen.add(s.reward()));
      var _ = loop.train();
    }
    double[] expected =
        Advantages.of(
                new AdvantageConfig(AdvantageScale.GLOBAL_STD, 5, RewardAggregation.GDPO),
                Map.of("brightness", 1.0, "red", -0.5))
            .of(seen, IntStream.range(0, TinyLoop.ROWS).map(row -> row / TinyLoop.N).toArray());
    assertThat(
            tiny.learner.updates().getFirst().samples().stream()
                .mapToDouble(sample -> sample.advantage())
                .toArray())
        .containsExactly(expected, within(1e-6));
  }

  @Test
  void failRun_rewardFails_namesPromptAndRowAndSavesWhatWasDone() {
    RewardFunction failing =
        new Measure(
            "picky",
            (prompt, _) -> {
              if (tiny.learner.updates().size() == 1 && prompt.startsWith("b")) {
                throw new IllegalStateException("no score for it");
              }
              return 1.0;
            });
    try (FlowLoop loop = tiny.toy(Map.of(failing, 1.0), "trainer.saveEvery=100").build()) {
      assertThatThrownBy(loop::train)
          .isInstanceOf(RolloutException.class)
          .hasMessageMatching(
              "step 1: row \\d, prompt 'b \"7\"': reward function picky failed: .*no score for it");
    }
    assertThat(tiny.newest().step()).isEqualTo(1);
  }

  @Test
  void resume_otherOwnReward_namesTheDifference() {
    try (FlowLoop loop = tiny.toy().build()) {
      var _ = loop.train();
    }
    try (FlowLoop loop = tiny.toy(Map.of(TinyLoop.brightness(), 3.0), "rollout.n=2").build()) {
      assertThatThrownBy(loop::resume)
          .isInstanceOf(EngineException.class)
          .hasMessageContainingAll(
              "rollout.n: 2 (expected: 4)",
              "reward.functions.brightness.weight: 3.0 (expected: 1.0)");
    }
  }
}
