package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.Dtype;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.SafetensorsDtype;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.SafetensorsTensor;
import io.flowloop.engine.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QwenImageVerificationTest {

  /** Of a reference that differs from the tiny folder's. */
  private final SortedMap<String, Consumer<SafetensorsWriter>> tensors = new TreeMap<>();

  private String prompts;

  QwenImageVerificationTest() {
    try (SafetensorsFile golden =
        SafetensorsFile.open(TinyQwenImage.folder().resolve(QwenImageVerification.GOLDEN))) {
      this.prompts = golden.metadata().getOrDefault("prompts", "");
      for (SafetensorsTensor tensor : golden.tensors().values()) {
        if (tensor.dtype() == SafetensorsDtype.I64) {
          put(tensor.name(), tensor.shape(), golden.longs(tensor.name()));
        } else {
          put(tensor.name(), tensor.shape(), golden.floats(tensor.name()));
        }
      }
    }
  }

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
          .hasSize(3 + 3 + 2 + 1 + 9 + 2 * 3 + 2 + 6)
          .allSatisfy(stage -> assertThat(stage.error()).as(stage.name()).isLessThan(2e-5));
      assertThat(verification.stages()).isEqualTo(stages);
      assertThat(verification.unread()).isEmpty();
    }
  }

  @Test
  void stages_bfloat16_areNearThoseOfTheReference() {
    try (QwenImageVerification verification =
        QwenImageVerification.open(TinyQwenImage.model(Dtype.BFLOAT16))) {
      assertThat(verification.stages())
          .hasSize(3 + 3 + 2 + 1 + 9 + 2 * 3 + 2 + 6)
          .allSatisfy(stage -> assertThat(stage.error()).as(stage.name()).isLessThan(0.05));
    }
  }

  @Test
  void stages_fileOfTheVaeAlone_areThose(@TempDir Path temp) throws IOException {
    tensors.keySet().retainAll(List.of("vae.latents", "vae.decoded"));
    Path folder = write(temp);

    try (QwenImageVerification verification = open(folder)) {
      assertThat(verification.stages())
          .singleElement()
          .satisfies(
              stage -> {
                assertThat(stage.name()).isEqualTo("vae.decoded");
                assertThat(stage.error()).isLessThan(2e-5);
              });
    }
  }

  /** The last block's text, which nobody reads, ends at its keys and values. */
  @Test
  void stages_weightThatNothingDependsOn_hasTheGradientZero(@TempDir Path temp) throws IOException {
    String queries = "grad.transformer_blocks.1.attn.norm_added_q.weight";
    put(queries, List.of(16L), new float[16]);
    Path folder = write(temp);

    try (QwenImageVerification verification = open(folder)) {
      assertThat(verification.stages()).contains(new QwenImageVerification.Stage(queries, 0));
    }
  }

  @Test
  void stages_namesThatNoStageHas_areLeftUnread(@TempDir Path temp) throws IOException {
    List<String> names =
        List.of(
            "grad.nothing.weight",
            "notes",
            "pipeline.cfg4.latents_in",
            "pipeline.strange.sigmas",
            "sigmas.steps0.len4",
            "sigmas.steps99999999999.len4",
            "text.9.input_ids");
    names.forEach(name -> put(name, List.of(2L), new float[2]));
    Path folder = write(temp);

    try (QwenImageVerification verification = open(folder)) {
      assertThat(verification.stages()).hasSize(3 + 3 + 2 + 1 + 9 + 2 * 3 + 2 + 6);
      assertThat(verification.unread()).isEqualTo(names);
    }
  }

  @Test
  void open_inputsThatAreMissingOrDoNotFit_namesAllOfThem(@TempDir Path temp) throws IOException {
    put("transformer.encoder_hidden_states", List.of(2L, 17L, 31L), new float[1054]);
    put("transformer.encoder_hidden_states_mask", List.of(2L, 16L), new long[32]);
    put("pipeline.latents_in", List.of(1L, 64L, 16L), new float[1024]);
    put("vae.latents", List.of(1L, 4L, 16L, 16L), new float[1024]);
    tensors.keySet().removeAll(List.of("transformer.timestep", "vae.pixels"));
    Path folder = write(temp);

    assertThatThrownBy(() -> open(folder))
        .isInstanceOf(EngineException.class)
        .hasMessage(
            "6 problems in %s\n  %s"
                .formatted(
                    folder.resolve(QwenImageVerification.GOLDEN),
                    String.join(
                        "\n  ",
                        "tensor transformer.timestep is missing (expected: shape [2])",
                        "tensor transformer.encoder_hidden_states has shape [2, 17, 31] (expected:"
                            + " [2, any, 32])",
                        "tensor transformer.encoder_hidden_states_mask has shape [2, 16] (expected:"
                            + " [2, 17])",
                        "tensor pipeline.latents_in has shape [1, 64, 16] (expected: [2, 64, 16])",
                        "tensor vae.latents has shape [1, 4, 16, 16] (expected: [any, 4, 1, any,"
                            + " any])",
                        "tensor vae.pixels is missing (expected: shape [any, 3, 1, any, any])")));
  }

  @Test
  void stages_maskThatHidesAll_isRefused(@TempDir Path temp) throws IOException {
    put("transformer.encoder_hidden_states_mask", List.of(2L, 17L), new long[34]);
    Path folder = write(temp);

    try (QwenImageVerification verification = open(folder)) {
      assertThatThrownBy(verification::stages)
          .isInstanceOf(EngineException.class)
          .hasMessageEndingWith(
              "transformer.encoder_hidden_states_mask hides all of row 0 (expected: one token or"
                  + " more)");
    }
  }

  @Test
  void open_fileWithoutAPicture_saysWhatItLacks(@TempDir Path temp) throws IOException {
    tensors.keySet().retainAll(List.of("grad.loss"));
    Path folder = write(temp);

    assertThatThrownBy(() -> open(folder))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("golden.safetensors: no picture (expected: pipeline.nocfg.image");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[1]", "[null]", "[[]]", "{}", "[", "a sign"})
  void open_promptsThatAreNoTexts_isRefused(String text, @TempDir Path temp) throws IOException {
    prompts = text;
    Path folder = write(temp);

    assertThatThrownBy(() -> open(folder))
        .isInstanceOf(EngineException.class)
        .hasMessageEndingWith(
            "golden.safetensors: metadata 'prompts' is %s (expected: a JSON list of texts)"
                .formatted(text));
  }

  @Test
  void open_promptThatIsTooLong_isRefused(@TempDir Path temp) throws IOException {
    prompts = "[\"%s\", \"a sign\"]".formatted("0 ".repeat(2_000));
    Path folder = write(temp);

    assertThatThrownBy(() -> open(folder))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("golden.safetensors: prompt '0 0 0 ")
        .hasMessageContaining("tokens (expected: at most 1024");
  }

  private static QwenImageVerification open(Path folder) {
    return QwenImageVerification.open(TinyQwenImage.model(folder, Dtype.FLOAT32));
  }

  private void put(String name, List<Long> shape, float... values) {
    tensors.put(name, writer -> writer.floats(name, shape, values));
  }

  private void put(String name, List<Long> shape, long... values) {
    tensors.put(name, writer -> writer.longs(name, shape, values));
  }

  /** The tiny folder with another reference. */
  private Path write(Path target) throws IOException {
    Path folder = copy(target);
    SafetensorsWriter writer = new SafetensorsWriter().metadata("prompts", prompts);
    tensors.values().forEach(tensor -> tensor.accept(writer));
    writer.write(folder.resolve(QwenImageVerification.GOLDEN));
    return folder;
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
