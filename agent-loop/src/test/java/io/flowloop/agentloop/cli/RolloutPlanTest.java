package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import java.util.List;
import org.junit.jupiter.api.Test;

class RolloutPlanTest {

  private static String plan(String... assignments) {
    FlowLoopConfig config =
        ConfigLoader.load(ConfigSources.of(assignments), SettingsOptions.knownNames()).config();
    return RolloutPlan.of(config, List.of("a \"12\"", "a \"34\"")).render();
  }

  @Test
  void render_defaults_countsRowsForwardsAndBytes() {
    assertThat(plan())
        .contains("32 = 2 prompts x 16")
        .contains("batched 32/32 rows in 2 requests")
        .contains("20 of 16 rows")
        .contains("[0, 2) of 10")
        .contains("12.0 KiB a row (3072 numbers in float32)")
        // 4 latents, 11 sigmas and 2 log-probs
        .contains("48.1 KiB a sample")
        .contains("1.8 MiB for all samples");
  }

  @Test
  void render_smallForwards_cutsRequestsIntoThem() {
    assertThat(plan("rollout.maxRowsPerForward=12")).contains("20 of 4 rows, 20 of 12 rows");
  }

  @Test
  void render_withoutBatching_saysWhyRowsRunSingly() {
    assertThat(plan("rollout.enableBatchedDiffusion=false"))
        .contains("batched 0/32 rows in 32 requests", "enableBatchedDiffusion is off")
        .contains("320 of 1 rows");
  }

  @Test
  void render_guidance_doublesForwards() {
    assertThat(plan("sampler.guidanceScale=4")).contains("doubled by guidance");
  }

  @Test
  void render_ode_hasNoWindow() {
    assertThat(plan("sampler.sdeType=ode"))
        .contains("all 10 denoising steps are deterministic")
        .contains("12.0 KiB a sample");
  }
}
