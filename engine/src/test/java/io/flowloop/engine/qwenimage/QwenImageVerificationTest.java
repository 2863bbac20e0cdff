package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.Dtype;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QwenImageVerificationTest {

  @Test
  void place_weightsThatAreJoinedOrSwapped_areFoundInThoseOnTheDevice() {
    QwenImageTransformer.Place values =
        QwenImageTransformer.place("transformer_blocks.1.attn.add_v_proj.bias");
    assertThat(values.name()).isEqualTo("transformer_blocks.1.attn.add_qkv_proj.bias");
    assertThat(values.of(new float[] {1, 2, 3, 4, 5, 6})).containsExactly(5, 6);

    QwenImageTransformer.Place modulation = QwenImageTransformer.place("norm_out.linear.bias");
    assertThat(modulation.name()).isEqualTo("norm_out.shift_scale.bias");
    assertThat(modulation.of(new float[] {1, 2, 3, 4})).containsExactly(3, 4, 1, 2);
  }

  @Test
  void stages_goldenFolder_areThoseOfTheReference() {
    try (QwenImageVerification verification =
        QwenImageVerification.open(TinyQwenImage.model(Dtype.FLOAT32))) {
      List<QwenImageVerification.Stage> stages = verification.stages();

      assertThat(stages)
          .hasSize(3 + 3 + 1 + 9 + 2 * 3 + 2 + 6)
          .allSatisfy(stage -> assertThat(stage.error()).as(stage.name()).isLessThan(2e-5));
      assertThat(verification.stages()).isEqualTo(stages);
    }
  }

  @Test
  void stages_bfloat16_areNearThoseOfTheReference() {
    try (QwenImageVerification verification =
        QwenImageVerification.open(TinyQwenImage.model(Dtype.BFLOAT16))) {
      assertThat(verification.stages())
          .hasSize(3 + 3 + 1 + 9 + 2 * 3 + 2 + 6)
          .allSatisfy(stage -> assertThat(stage.error()).as(stage.name()).isLessThan(0.05));
    }
  }

  @Test
  void stages_fileOfTheVaeAlone_areThose(@TempDir Path temp) throws IOException {
    Path folder = copy(temp);
    SafetensorsWriter writer =
        new SafetensorsWriter().metadata("prompts", "[\"a sign\"]").metadata("negative", " ");
    try (SafetensorsFile golden =
        SafetensorsFile.open(TinyQwenImage.folder().resolve(QwenImageVerification.GOLDEN))) {
      for (String name : List.of("vae.latents", "vae.decoded")) {
        writer.floats(name, golden.tensor(name).shape(), golden.floats(name));
      }
    }
    writer.write(folder.resolve(QwenImageVerification.GOLDEN));

    try (QwenImageVerification verification =
        QwenImageVerification.open(TinyQwenImage.model(folder, Dtype.FLOAT32))) {
      assertThat(verification.stages())
          .singleElement()
          .satisfies(
              stage -> {
                assertThat(stage.name()).isEqualTo("vae.decoded");
                assertThat(stage.error()).isLessThan(2e-5);
              });
    }
  }

  @Test
  void open_fileWithoutAPicture_saysWhatItLacks(@TempDir Path temp) throws IOException {
    Path folder = copy(temp);
    new SafetensorsWriter()
        .metadata("prompts", "[]")
        .floats("grad.loss", List.of(1L), new float[1])
        .write(folder.resolve(QwenImageVerification.GOLDEN));

    assertThatThrownBy(() -> QwenImageVerification.open(TinyQwenImage.model(folder, Dtype.FLOAT32)))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("golden.safetensors: no picture (expected: pipeline.nocfg.image");
  }

  private static Path copy(Path target) throws IOException {
    Path source = TinyQwenImage.folder();
    try (Stream<Path> files = Files.walk(source)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path copy = target.resolve(source.relativize(file).toString());
        Files.createDirectories(copy.getParent());
        Files.copy(file, copy);
      }
    }
    return target;
  }
}
