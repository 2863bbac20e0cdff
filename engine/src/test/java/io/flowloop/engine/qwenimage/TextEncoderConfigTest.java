package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.engine.JsonSettings;
import io.flowloop.engine.ModelProblems;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TextEncoderConfigTest {

  /** The flat form, with the numbers of Qwen2.5-VL-7B. */
  private static final String FLAT =
      """
      {"model_type": "qwen2_5_vl", "hidden_act": "silu", "hidden_size": 3584,
       "intermediate_size": 18944, "num_attention_heads": 28, "num_hidden_layers": 28,
       "num_key_value_heads": 4, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
       "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
       "sliding_window": 32768, "use_sliding_window": false, "max_window_layers": 28,
       "vocab_size": 152064, "vision_config": {"hidden_size": 1280}}\
      """;

  private static final TextEncoderConfig PUBLISHED =
      new TextEncoderConfig(152_064, 3584, 28, 28, 4, 18_944, 1e6, 1e-6);

  @TempDir private Path folder;

  private final ModelProblems problems = new ModelProblems();

  private Optional<TextEncoderConfig> read(String json) throws IOException {
    Files.writeString(folder.resolve("config.json"), json);
    JsonSettings settings = JsonSettings.read(folder, "config.json", problems).orElseThrow();
    return TextEncoderConfig.of(settings, problems);
  }

  @Test
  void of_goldenFolder_isItsArchitecture() {
    assertThat(TinyQwenText.config(TinyQwenText.folder()))
        .isEqualTo(new TextEncoderConfig(444, 32, 2, 4, 2, 64, 1e6, 1e-5));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'rope_theta': 1000000.0, 'rope_scaling': {'type': 'mrope', 'mrope_section': [16, 24, 24]}",
        "'rope_theta': 1e6, 'rope_scaling': {'type': 'default', 'rope_type': 'default'}",
        "'rope_theta': 1e6, 'rope_scaling': null",
        "'rope_parameters': {'rope_theta': 1e6, 'rope_type': 'default', 'type': 'default'}",
        "'rope_scaling': {'rope_theta': 1000000, 'rope_type': 'mrope'}",
        "'rope_theta': 1e6, 'layer_types': ['full_attention', 'full_attention']"
      })
  void of_everyWayToSayRopes_isTheSame(String ropes) throws IOException {
    String flat = FLAT.replaceFirst("\"rope_theta\"[^}]*}", ropes.replace('\'', '"'));
    int body = flat.indexOf("\"hidden_act\"");

    assertThat(read(flat)).contains(PUBLISHED);
    assertThat(read(flat.substring(0, body) + "\"text_config\": {" + flat.substring(body) + "}"))
        .contains(PUBLISHED);
    assertThat(problems.found()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "'qwen2_5_vl' ~ 'qwen2_vl' ~ model_type: 'qwen2_vl' (expected: qwen2_5_vl)",
        "'silu' ~ 'gelu' ~ hidden_act: 'gelu' (expected: silu)",
        "'num_hidden_layers': 28, ~ `` ~ num_hidden_layers: not set (expected: a whole number of 1"
            + " to 1000)",
        "'num_hidden_layers': 28 ~ 'num_hidden_layers': 1e9 ~ num_hidden_layers: 1e9 (expected: a"
            + " whole number of 1 to 1000)",
        "'num_attention_heads': 28 ~ 'num_attention_heads': 30 ~ num_attention_heads: 30 (expected:"
            + " to cut hidden_size, 3584, evenly)",
        "'hidden_size': 3584 ~ 'hidden_size': 28 ~ num_attention_heads: 28 (expected: to cut"
            + " hidden_size, 28, evenly)",
        "'num_key_value_heads': 4 ~ 'num_key_value_heads': 5 ~ num_key_value_heads: 5 (expected: a"
            + " divisor of num_attention_heads, 28)",
        "1e-06 ~ -1 ~ rms_norm_eps: -1 (expected: 0 or more)",
        "1000000.0 ~ 0 ~ rope_theta: 0 (expected: more than 0)",
        "'type': 'mrope' ~ 'type': 'yarn' ~ rope_scaling.type: 'yarn' (expected: default or mrope)",
        "'type': 'mrope' ~ 'rope_type': 'linear' ~ rope_scaling.rope_type: 'linear' (expected:"
            + " default or mrope)",
        "'use_sliding_window': false ~ 'use_sliding_window': true ~ use_sliding_window: true"
            + " (expected: false, for every token sees all before it)",
        "'vocab_size': ~ 'layer_types': ['full_attention', 'sliding_attention'], 'vocab_size': ~"
            + " layer_types: ['full_attention','sliding_attention'] (expected: full_attention"
            + " alone)",
      })
  void of_otherModel_isOneProblem(String found, String instead, String problem) throws IOException {
    String json = FLAT.replace(found.replace('\'', '"'), instead.replace('\'', '"'));
    assertThat(json).isNotEqualTo(FLAT);

    assertThat(read(json)).isEmpty();
    assertThat(problems.found()).containsExactly("config.json " + problem.replace('\'', '"'));
  }

  @Test
  void of_settingsThatTransformersHasDefaultsFor_areThose() throws IOException {
    String bare =
        """
        {"model_type": "qwen2_5_vl", "hidden_size": 3584, "intermediate_size": 18944,
         "num_attention_heads": 28, "num_hidden_layers": 28, "num_key_value_heads": null,
         "vocab_size": 152064}\
        """;

    assertThat(read(bare))
        .contains(new TextEncoderConfig(152_064, 3584, 28, 28, 28, 18_944, 1e6, 1e-5));
    assertThat(problems.found()).isEmpty();
  }

  @Test
  void of_emptyFile_findsAllThatIsMissing() throws IOException {
    assertThat(read("{}")).isEmpty();
    assertThat(problems.found()).hasSize(6).allMatch(problem -> problem.contains(": not set ("));
  }

  @Test
  void new_headsThatDoNotFit_isRefused() {
    assertThatThrownBy(() -> new TextEncoderConfig(9, 8, 1, 4, 3, 9, 1e4, 1e-6))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("text encoder: width 8, 4 heads, 3 of keys and values (expected: ");
    assertThatThrownBy(() -> new TextEncoderConfig(9, 8, 0, 4, 2, 9, 1e4, 1e-6))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(
            "text encoder: vocabulary 9, depth 0, hidden 9, rope theta 10000.0");
  }
}
