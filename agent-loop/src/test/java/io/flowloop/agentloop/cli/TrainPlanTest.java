package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.Purpose;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TrainPlanTest {

  private static String plan(Optional<Path> checkpoint, String... assignments) {
    ConfigSources sources =
        new ConfigSources("glyph-smoke", Optional.empty(), List.of(assignments));
    FlowLoopConfig config =
        ConfigLoader.load(sources, SettingsOptions.knownNames(), Purpose.TRAINING).config();
    return TrainPlan.of(config, checkpoint).render();
  }

  private static String plan(String... assignments) {
    String[] all = new String[assignments.length + 1];
    System.arraycopy(assignments, 0, all, 0, assignments.length);
    all[assignments.length] = "trainer.trackers=[]";
    return plan(Optional.empty(), all);
  }

  @Test
  void render_smallRun_countsStepsImagesAndTerms() {
    assertThat(plan())
        .contains("steps       3 of 2 prompts x 4 images")
        .contains("window      2 of 4 denoising steps, random")
        .contains("update      flowGrpo, 2 optimiser steps of 4 samples, 8 terms each")
        .contains("trains      all weights")
        .contains("validation  every 2 steps: 4 prompts x 2 images of 4 denoising steps")
        .contains("saves       every 1 steps, 3 kept")
        .contains("begins      anew")
        .contains("output      out/smoke");
  }

  @Test
  void render_epochs_countsTheirOptimiserSteps() {
    assertThat(plan("update.epochs=3", "update.miniBatch=8")).contains("3 optimiser steps of 8");
  }

  @Test
  void render_adapters_namesRankAndLayers() {
    assertThat(plan("update.lora.rank=8", "update.lora.targets=[to_out,mlp.0]"))
        .contains("trains      adapters of rank 8 on to_out, mlp.0");
  }

  @Test
  void render_wholeRange_countsItAsTheWindow() {
    assertThat(plan("sampler.sdeWindowSize=null")).contains("window      3 of 4 denoising steps");
  }

  @Test
  void render_checkpoint_beginsThere() {
    assertThat(plan(Optional.of(Path.of("out/step-000010")), "trainer.trackers=[]"))
        .contains("begins      out/step-000010");
  }
}
