package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SubstitutionsTest {

  @TempDir private Path dir;

  @Test
  void setting_onTheCommandLine_isReplaced() {
    FlowLoopConfig config =
        Configs.load(
            "output.dir=/srv", "trainer.dir=${output.dir}/train", "pretrain.dir=${output.dir}");
    assertThat(config.trainer().dir()).isEqualTo(Path.of("/srv/train"));
    assertThat(config.pretrain().dir()).isEqualTo(Path.of("/srv"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"${PATH}", "${?PATH}", "a/${PATH}/b", "${?PATH[]}"})
  void environmentVariable_isRefusedAndNotShown(String value) throws IOException {
    Path file = Files.write(dir.resolve("my.conf"), List.of("", "output.dir = " + value));
    assertRefused(Configs.failure(file), file + ":2");
    assertRefused(Configs.failure("output.dir=" + value), "command line");
  }

  private static void assertRefused(ConfigException failure, String origin) {
    assertThat(failure)
        .hasMessageContaining("${PATH} is a variable of the environment")
        .hasMessageNotContaining(System.getenv("PATH"));
    assertThat(failure.problems()).extracting(Problem::origin).containsExactly(origin);
  }

  @Test
  void settingAndText_thatDoNotFit_areAProblem() throws IOException {
    Path file = Files.writeString(dir.resolve("my.conf"), "rollout.n = ${output.dir} {x = 1}");
    assertThat(Configs.failure(file).problems())
        .singleElement()
        .satisfies(
            problem -> {
              assertThat(problem.origin()).isEqualTo("the configuration");
              assertThat(problem.message()).contains("Cannot concatenate", "out/rollout", "x");
            });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"trainer.trackers += metrics\n", "output.dir = ${output.dir}${output.dir}\n"})
  void many_areRefusedAtOnce(String line) throws IOException {
    Path file = Files.writeString(dir.resolve("my.conf"), line.repeat(1000));
    assertThat(Configs.failure(file).problems())
        .extracting(Problem::message)
        .containsExactly("expected: at most 16 ${...} and +=");
  }

  @Test
  void asManyAsThereMayBe_growTheTextWithinBounds() throws IOException {
    Path file =
        Files.writeString(
            dir.resolve("my.conf"),
            """
            http.host = %s
            output.dir = ${http.host}${http.host}${http.host}
            trainer.dir = ${output.dir}${output.dir}${output.dir}
            pretrain.dir = ${trainer.dir}${trainer.dir}${trainer.dir}
            model.weights = ${pretrain.dir}${pretrain.dir}${pretrain.dir}
            data.prompts = ${model.weights}${model.weights}${model.weights}
            """
                .formatted("x".repeat(6_000)));
    assertThat(Configs.failure(file)).message().hasSizeLessThan(10_000);
  }
}
