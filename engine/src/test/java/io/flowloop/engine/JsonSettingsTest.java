package io.flowloop.engine;

import static org.assertj.core.api.Assertions.as;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonSettingsTest {

  @TempDir private Path folder;

  private final ModelProblems problems = new ModelProblems();

  private JsonSettings settings(String json) throws IOException {
    Files.writeString(folder.resolve("config.json"), json);
    return JsonSettings.read(folder, "config.json", problems).orElseThrow();
  }

  @Test
  void getters_validSettings_giveThem() throws IOException {
    JsonSettings settings =
        settings(
            """
            {"layers": 60, "eps": 1e-6, "name": "Qwen", "axes": [16, 56, 56], "mean": [-0.5, 1],
             "down": [false, true], "rope": {"theta": 1e4}, "pad": null, "flag": true}\
            """);

    assertThat(settings.integer("layers", 1)).isEqualTo(60);
    assertThat(settings.integerOr("pad", 1, 7)).isEqualTo(7);
    assertThat(settings.number("eps")).isEqualTo(1e-6);
    assertThat(settings.text("name")).isEqualTo("Qwen");
    assertThat(settings.integers("axes", 1)).isEqualTo(List.of(16, 56, 56));
    assertThat(settings.numbers("mean")).isEqualTo(List.of(-0.5, 1.0));
    assertThat(settings.flags("down")).isEqualTo(List.of(false, true));
    assertThat(settings.flag("flag", false)).isTrue();
    assertThat(settings.under("rope").orElseThrow().number("theta")).isEqualTo(1e4);
    assertThat(settings.has("pad")).isFalse();
    assertThat(settings.hasText("name")).isTrue();
    assertThat(settings.hasText("flag")).isFalse();
    assertThat(settings.keys()).startsWith("layers", "eps", "name").endsWith("pad", "flag");
    assertThat(problems.found()).isEmpty();
  }

  @Test
  void getters_wrongSettings_findEachOnce() throws IOException {
    JsonSettings settings =
        settings(
            """
            {"layers": 0, "heads": 2.5, "eps": "small", "axes": [], "rope": {"theta": true},
             "name": 3}\
            """);

    settings.integer("layers", 1);
    settings.integerOr("heads", 1, 3);
    settings.integer("width", 1);
    settings.number("eps");
    settings.integers("axes", 1);
    settings.under("rope").orElseThrow().number("theta");
    settings.text("name", "");

    assertThat(problems.found())
        .containsExactly(
            "config.json layers: 0 (expected: a whole number of 1 to 1000000)",
            "config.json heads: 2.5 (expected: a whole number of 1 to 1000000)",
            "config.json width: not set (expected: a whole number of 1 to 1000000)",
            "config.json eps: \"small\" (expected: a number)",
            "config.json axes: [] (expected: one or more whole numbers of 1 to 1000000)",
            "config.json rope.theta: true (expected: a number)",
            "config.json name: 3 (expected: a text)");
    assertThatThrownBy(() -> problems.throwIfAny(folder))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("7 problems in " + folder + "\n  config.json layers: 0 ");
  }

  @Test
  void read_missingOrBrokenFile_isOneProblem() throws IOException {
    Files.writeString(folder.resolve("broken.json"), "{\"a\": ");
    Files.writeString(folder.resolve("list.json"), "[1]");

    assertThat(JsonSettings.read(folder, "absent.json", problems)).isEmpty();
    assertThat(JsonSettings.read(folder, "broken.json", problems)).isEmpty();
    assertThat(JsonSettings.read(folder, "list.json", problems)).isEmpty();

    assertThat(problems.found()).hasSize(3);
    assertThat(problems.found().getFirst())
        .isEqualTo("absent.json: missing (expected: a JSON file)");
    assertThat(problems.found().get(1)).startsWith("broken.json: not a JSON object: ");
    assertThat(problems.found().get(2)).startsWith("list.json: not a JSON object: ");
  }

  @ParameterizedTest
  @CsvSource({
    "2147483647, 2147483647",
    "1e12, 1e12",
    "1000001, 1000001",
    "-3, -3",
    "1.5, 1.5",
    "1e999, 1e999",
    "NaN, '\"NaN\"'",
    "-Infinity, '\"-Infinity\"'",
    "true, true",
    "[7], [7]"
  })
  void integer_noSizeOfAModel_isOneProblem(String json, String shown) throws IOException {
    int layers = settings("{\"layers\": %s}".formatted(json)).integer("layers", 1);

    assertThat(layers).isEqualTo(1);
    assertThat(problems.found())
        .containsExactly(
            "config.json layers: %s (expected: a whole number of 1 to 1000000)".formatted(shown));
  }

  @Test
  void integer_aboveItsOwnLimit_isOneProblem() throws IOException {
    JsonSettings settings = settings("{\"layers\": 1001, \"zero\": 0e99999, \"thousand\": 1e3}");

    assertThat(settings.integer("layers", 1, 1000)).isEqualTo(1);
    assertThat(settings.integer("zero", 0)).isZero();
    assertThat(settings.integer("thousand", 1, 1000)).isEqualTo(1000);
    assertThat(problems.found())
        .containsExactly("config.json layers: 1001 (expected: a whole number of 1 to 1000)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"1e999", "NaN", "Infinity", "\"1\""})
  void number_notFinite_isOneProblem(String json) throws IOException {
    settings("{\"eps\": %s}".formatted(json)).number("eps");

    assertThat(problems.found())
        .singleElement(as(InstanceOfAssertFactories.STRING))
        .startsWith("config.json eps: ")
        .endsWith("(expected: a number)");
  }

  @Test
  void problem_valueThatIsWrongInTwoWays_isToldOnce() throws IOException {
    JsonSettings settings = settings("{\"std\": [\"a\"]}");

    settings.numbers("std");
    settings.problem("std", "4 numbers");

    assertThat(problems.found()).containsExactly("config.json std: [\"a\"] (expected: numbers)");
  }

  @Test
  void problem_longValue_isCutShort() throws IOException {
    String many = "1, ".repeat(100_000);
    settings("{\"name\": [%s 1]}".formatted(many)).text("name", "");
    Files.writeString(folder.resolve("list.json"), "[%s 1]".formatted(many));
    assertThat(JsonSettings.read(folder, "list.json", problems)).isEmpty();

    assertThat(problems.found()).hasSize(2).allMatch(problem -> problem.length() < 200);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"{\"a\": ", "[", "{\"a\": 1} {", "{\"a\": 1, \"a\": 2}", "", "null", "\"{}\""})
  void parse_noObjectOrOneThatNeverEnds_isOneProblem(String start) {
    assertThat(JsonSettings.parse("text", start.repeat(1_000), problems)).isEmpty();

    assertThat(problems.found())
        .singleElement(as(InstanceOfAssertFactories.STRING))
        .startsWith("text: not a JSON object: ");
  }
}
