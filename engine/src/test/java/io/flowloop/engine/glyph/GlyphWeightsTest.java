package io.flowloop.engine.glyph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.flowloop.config.Device;
import io.flowloop.config.ModelConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.SafetensorsWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GlyphWeightsTest {

  @TempDir Path folder;

  @Test
  void read_whatWasWritten_isTheSameToFloat16() {
    GlyphWeights written = TinyGlyph.weights();
    Path file = folder.resolve("tiny.safetensors");
    written.write(file);
    GlyphWeights read = GlyphWeights.read(file);

    assertThat(read.config()).isEqualTo(TinyGlyph.CONFIG);
    assertThat(read.tensors().keySet()).containsExactlyElementsOf(written.tensors().keySet());
    written
        .tensors()
        .forEach(
            (name, values) -> assertThat(read.values(name)).containsExactly(values, within(2e-3f)));
  }

  @Test
  void random_sameSeed_givesTheSameWeights() {
    GlyphWeights one = GlyphWeights.random(TinyGlyph.CONFIG, 1);

    assertThat(GlyphWeights.random(TinyGlyph.CONFIG, 1).values("time_embed.0.weight"))
        .isEqualTo(one.values("time_embed.0.weight"));
    assertThat(GlyphWeights.random(TinyGlyph.CONFIG, 2).values("time_embed.0.weight"))
        .isNotEqualTo(one.values("time_embed.0.weight"));
  }

  @Test
  void parameters_embeddedArchitecture_areTwoAndAHalfMillion() {
    assertThat(GlyphWeights.random(GlyphConfig.EMBEDDED, 1).parameters())
        .isBetween(2_400_000L, 2_600_000L);
  }

  @Test
  void read_otherModel_saysWhichWasFound() throws Exception {
    Path file = folder.resolve("other.safetensors");
    new SafetensorsWriter()
        .metadata("model", "qwen-image")
        .floats("x", List.of(1L), new float[1])
        .write(file);

    assertThatThrownBy(() -> GlyphWeights.read(file))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("metadata 'model' is qwen-image (expected: glyph)");
  }

  @Test
  void read_otherShape_namesTheTensor() throws Exception {
    Path file = folder.resolve("shape.safetensors");
    SafetensorsWriter writer = new SafetensorsWriter();
    TinyGlyph.CONFIG.metadata().forEach(writer::metadata);
    writer.floats("text_embed.token.weight", List.of(2L), new float[2]).write(file);

    assertThatThrownBy(() -> GlyphWeights.read(file))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining(
            "tensor 'text_embed.token.weight' has shape [2] (expected: [11, 16])");
  }

  @Test
  void load_imageOffThePatch_isRefused() {
    Path file = folder.resolve("tiny.safetensors");
    TinyGlyph.weights().write(file);
    ModelConfig model = ModelConfig.glyph(Optional.of(file), new Device.Cpu(), 0, 20, 32);

    assertThatThrownBy(() -> GlyphPipeline.load(model))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("image: 20×32 pixels (expected:")
        .hasMessageContaining("patch, 8");
  }

  @Test
  void load_gpuThatIsNotThere_isRefused() {
    Path file = folder.resolve("tiny.safetensors");
    TinyGlyph.weights().write(file);
    ModelConfig model = ModelConfig.glyph(Optional.of(file), new Device.Gpu(99), 0, 16, 32);

    assertThatThrownBy(() -> GlyphPipeline.load(model))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("model.device: gpu:99");
  }
}
