package io.flowloop.engine.glyph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.Device;
import io.flowloop.config.PretrainConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.glyph.GlyphPretraining.Progress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GlyphPretrainingTest {

  private static final GlyphConfig TINY = new GlyphConfig(16, 1, 2, 8);

  @TempDir Path folder;

  @Test
  void run_fewSteps_lowersTheLoss() {
    Recorder recorder = run(settings(folder, 60, 1), 60);

    double first = mean(recorder.steps.subList(0, 5));
    double last = mean(recorder.steps.subList(55, 60));
    assertThat(last).isLessThan(0.9 * first);
    assertThat(recorder.models).containsExactly(20, 40, 60);
  }

  @Test
  void run_stoppedAndResumed_endsWithTheSameBits() throws Exception {
    Path whole = folder.resolve("whole");
    Path halves = folder.resolve("halves");
    run(settings(whole, 12, 1), 12);
    assertThat(run(settings(halves, 12, 1), 5).steps).hasSize(5);
    Recorder second = run(settings(halves, 12, 1), 12);

    assertThat(second.resumedAt).isEqualTo(5);
    assertThat(second.steps).hasSize(7);
    assertThat(halves.resolve("checkpoint.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("checkpoint.safetensors"));
    assertThat(halves.resolve("model.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("model.safetensors"));
  }

  @Test
  void run_finishedRun_hasNothingLeftToDo() {
    run(settings(folder, 3, 1), 3);

    assertThat(run(settings(folder, 3, 1), 3).steps).isEmpty();
  }

  @Test
  void run_checkpointOfOtherSettings_isRefusedByName() {
    run(settings(folder, 3, 1), 3);

    assertThatThrownBy(() -> run(settings(folder, 3, 2), 3))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("checkpoint.safetensors: written with")
        .hasMessageContaining("seed 1")
        .hasMessageContaining("seed 2")
        .hasMessageContaining("choose another pretrain.dir");
  }

  @Test
  void run_folderThatIsAFile_isRefusedByName() throws Exception {
    Path file = Files.createFile(folder.resolve("file"));

    assertThatThrownBy(() -> run(settings(file, 3, 1), 3)).hasMessageContaining("pretrain.dir");
  }

  private static Recorder run(PretrainConfig settings, int stopAfter) {
    Recorder recorder = new Recorder(stopAfter);
    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), 1)) {
      new GlyphPretraining(settings, TINY, 16, 32).run(device, recorder);
    }
    return recorder;
  }

  private static PretrainConfig settings(Path dir, int steps, long seed) {
    return new PretrainConfig(steps, 8, 1e-2, 4, 1e-4, 0.9, 0.1, seed, 20, 1000, dir);
  }

  private static double mean(List<Progress> steps) {
    return steps.stream().mapToDouble(Progress::loss).average().orElseThrow();
  }

  private static final class Recorder implements GlyphPretraining.Listener {

    private final int stopAfter;
    private final List<Progress> steps = new ArrayList<>();
    private final List<Integer> models = new ArrayList<>();
    private int resumedAt;

    Recorder(int stopAfter) {
      this.stopAfter = stopAfter;
    }

    @Override
    public void onResumed(int step) {
      resumedAt = step;
    }

    @Override
    public void onStep(Progress progress) {
      steps.add(progress);
    }

    @Override
    public void onModel(int step, GlyphWeights model) {
      models.add(step);
      assertThat(model.parameters()).isPositive();
    }

    @Override
    public boolean stopRequested() {
      return resumedAt + steps.size() >= stopAfter;
    }
  }
}
