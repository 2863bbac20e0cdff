package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.engine.JsonSettings;
import io.flowloop.engine.ModelProblems;
import io.flowloop.engine.qwenimage.VaeConfig.LatentScale;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VaeConfigTest {

  private static final LatentScale SCALE = new LatentScale(List.of(0.5, -1.0), List.of(1.0, 2.0));

  @TempDir private Path folder;

  private final ModelProblems problems = new ModelProblems();

  private VaeConfig read(String json) throws IOException {
    Files.writeString(folder.resolve("config.json"), json.replace('\'', '"'));
    return VaeConfig.of(JsonSettings.read(folder, "config.json", problems).orElseThrow());
  }

  @Test
  void of_wholeFile_readsEverySetting() throws IOException {
    VaeConfig config =
        read(
            """
            {'_class_name': 'AutoencoderKLQwenImage', 'base_dim': 8, 'z_dim': 2,
             'dim_mult': [1, 2, 4], 'num_res_blocks': 3, 'attn_scales': [1, 0.25],
             'temperal_downsample': [true, false], 'dropout': 0.0, 'input_channels': 3,
             'latents_mean': [0.5, -1], 'latents_std': [1, 2]}""");

    problems.throwIfAny(folder);
    assertThat(config)
        .isEqualTo(
            new VaeConfig(
                8, 2, List.of(1, 2, 4), 3, List.of(1.0, 0.25), List.of(true, false), SCALE));
    assertThat(config.scaleFactor()).isEqualTo(4);
  }

  @Test
  void of_everythingWrong_tellsAllOfIt() throws IOException {
    read(
        """
        {'_class_name': 'AutoencoderKL', 'base_dim': 1, 'z_dim': 2, 'dim_mult': [1, 2],
         'num_res_blocks': 'two', 'temperal_downsample': [true, false], 'input_channels': 4,
         'latents_mean': [0.5], 'latents_std': [1, 0]}""");

    assertThat(problems.found())
        .containsExactlyInAnyOrder(
            "config.json _class_name: \"AutoencoderKL\" (expected: AutoencoderKLQwenImage)",
            "config.json base_dim: 1 (expected: a whole number of 2 to 1000000)",
            "config.json num_res_blocks: \"two\" (expected: a whole number of 1 to 100)",
            "config.json temperal_downsample: [true,false] (expected: 1 flags, one less than"
                + " dim_mult)",
            "config.json input_channels: 4 (expected: 3, as images are RGB)",
            "config.json latents_mean: [0.5] (expected: 2 numbers, as many as z_dim)",
            "config.json latents_std: [1,0] (expected: 2 numbers above 0, as many as z_dim)");
  }

  @Test
  void of_moreResolutionsThanAnyImageHas_saysHowMany() throws IOException {
    read(
        """
        {'_class_name': 'AutoencoderKLQwenImage', 'base_dim': 8, 'z_dim': 2, 'num_res_blocks': 3,
         'dim_mult': [%s], 'temperal_downsample': [%s],
         'latents_mean': [0.5, -1], 'latents_std': [1, 2]}"""
            .formatted(
                String.join(",", Collections.nCopies(17, "1")),
                String.join(",", Collections.nCopies(15, "true"))));

    assertThat(problems.found())
        .containsExactly(
            "config.json dim_mult: [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1] (expected: at most 16"
                + " numbers)");
  }

  @Test
  void create_missingFlag_isRefused() {
    assertThatThrownBy(
            () -> new VaeConfig(8, 2, List.of(1, 2, 4), 1, List.of(), List.of(true), SCALE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("temperal_downsample [true]")
        .hasMessageContaining("a flag less than multipliers");
  }
}
