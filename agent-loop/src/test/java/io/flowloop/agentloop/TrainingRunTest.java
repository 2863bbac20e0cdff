package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.Purpose;
import io.flowloop.engine.RgbImage;
import io.flowloop.engine.glyph.GlyphConfig;
import io.flowloop.engine.glyph.GlyphWeights;
import io.flowloop.reward.RewardFunction;
import io.flowloop.rollout.RolloutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What ends a run before its time. */
class TrainingRunTest {

  private static final int STEPS = 4;

  @TempDir Path temp;

  /** Four steps of the tiny model, of which the last alone is due to be saved. */
  private FlowLoopConfig config(String folder) {
    Path weights = temp.resolve("tiny.safetensors");
    if (!Files.exists(weights)) {
      GlyphWeights.random(new GlyphConfig(16, 1, 2, 8), 1).write(weights);
    }
    List<String> settings =
        List.of(
            "model.weights=" + weights,
            "rollout.n=2",
            "sampler.numInferenceSteps=3",
            "sampler.sdeWindowSize=1",
            "reward.functions.ocr=null",
            "reward.functions.jpegIncompressibility.weight=1",
            "update.miniBatch=4",
            "validation.prompts=1",
            "validation.n=1",
            "validation.numInferenceSteps=1",
            "trainer.steps=" + STEPS,
            "trainer.validateEvery=100",
            "trainer.saveEvery=100",
            "trainer.trackers=[]",
            "trainer.dir=" + temp.resolve(folder));
    return ConfigLoader.load(
            new ConfigSources("glyph-smoke", Optional.empty(), settings),
            FlowLoop.knownNames(),
            Purpose.TRAINING)
        .config();
  }

  /** Does something after a step, on the thread of the run. */
  private record After(int step, Runnable action) implements Tracker {

    @Override
    public String name() {
      return "after";
    }

    @Override
    public void onStep(Metrics metrics) {
      if (metrics.step() == step) {
        action.run();
      }
    }
  }

  /** Scores nothing once it is told to. */
  private static final class Breaking implements RewardFunction {

    private volatile boolean broken;

    @Override
    public String name() {
      return "breaking";
    }

    @Override
    public double score(String prompt, RgbImage image) {
      if (broken) {
        throw new IllegalStateException("broken");
      }
      return 0;
    }
  }

  private Path saved(String folder) {
    List<String> torn = new ArrayList<>();
    Path newest = Checkpoints.latestWhole(temp.resolve(folder), torn::add).orElseThrow();
    assertThat(torn).isEmpty();
    return newest;
  }

  private TrainingSummary train(String folder, Consumer<FlowLoop> afterStepTwo) {
    CompletableFuture<FlowLoop> started = new CompletableFuture<>();
    try (FlowLoop loop =
        FlowLoop.builder(config(folder))
            .tracker(new After(2, () -> afterStepTwo.accept(started.join())))
            .build()) {
      started.complete(loop);
      return loop.train();
    }
  }

  @Test
  void train_stoppedBetweenSteps_savesTheLastWholeOne() {
    TrainingSummary summary = train("stopped", FlowLoop::stop);

    assertThat(summary.stopped()).isTrue();
    assertThat(summary.step()).isEqualTo(2);
    assertThat(Checkpoints.load(saved("stopped")).step()).isEqualTo(2);
  }

  @Test
  void train_closedBetweenSteps_endsAsIfStopped() {
    TrainingSummary summary = train("closed", FlowLoop::close);

    assertThat(summary.stopped()).isTrue();
    assertThat(summary.step()).isEqualTo(2);
    assertThat(Checkpoints.load(saved("closed")).step()).isEqualTo(2);
  }

  @Test
  void train_closedInAStep_endsAsIfStopped() {
    List<CompletableFuture<Void>> closed = new ArrayList<>();

    TrainingSummary summary =
        train("closed", loop -> closed.add(CompletableFuture.runAsync(loop::close)));

    assertThat(summary.stopped()).isTrue();
    assertThat(Checkpoints.load(saved("closed")).step()).isEqualTo(summary.step());
    closed.forEach(CompletableFuture::join);
  }

  @Test
  void train_stepFails_savesTheOneBefore() {
    Breaking reward = new Breaking();
    try (FlowLoop loop =
        FlowLoop.builder(config("failed"))
            .rewardFunction(reward, 1)
            .tracker(new After(3, () -> reward.broken = true))
            .build()) {
      assertThatThrownBy(loop::train)
          .isInstanceOf(RolloutException.class)
          .hasMessageContaining("broken");
    }
    assertThat(Checkpoints.load(saved("failed")).step()).isEqualTo(3);

    reward.broken = false;
    try (FlowLoop loop = FlowLoop.builder(config("failed")).rewardFunction(reward, 1).build()) {
      assertThat(loop.resume(saved("failed")).step()).isEqualTo(STEPS);
    }
    try (FlowLoop loop = FlowLoop.builder(config("whole")).rewardFunction(reward, 1).build()) {
      assertThat(loop.train().stopped()).isFalse();
    }
    assertThat(saved("failed").resolve("learner.safetensors"))
        .hasSameBinaryContentAs(saved("whole").resolve("learner.safetensors"));
  }
}
