package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.config.ConfigSources;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {

  @Test
  void execute_withoutVerb_saysWhatThereIs() {
    Run run = Run.of();

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("rollout", "bench", "pretrain", "certs", "doctor", "help");
    assertThat(run.out()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"rolout, rollout", "pretrian, pretrain", "docter, doctor"})
  void execute_unknownVerb_suggestsTheNearest(String written, String meant) {
    Run run = Run.of(written);

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err())
        .startsWith("flowloop: unknown verb: %s; did you mean %s?".formatted(written, meant));
  }

  @ParameterizedTest
  @CsvSource({
    "rollout, --dry-rum, --dry-run",
    "rollout, --cofig, --config",
    "pretrain, --print-cfg, --print-config",
    "doctor, --hlep, --help"
  })
  void execute_unknownOption_suggestsTheNearest(String verb, String written, String meant) {
    Run run = Run.of(verb, written);

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err())
        .contains("unknown option: %s; did you mean %s?".formatted(written, meant));
  }

  @Test
  void execute_settingWithDashes_saysHowSettingsAreWritten() {
    Run run = Run.of("rollout", "--rollout.n=8");

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("settings are written without dashes");
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "rollout", "bench", "pretrain", "certs", "doctor"})
  void execute_help_isTheSameBothWays(String verb) {
    Run option = Run.of(verb, "--help");
    Run command = Run.of("help", verb);

    assertThat(option.exitCode()).isZero();
    assertThat(option.out()).startsWith("Usage: flowloop " + verb).isEqualTo(command.out());
  }

  @Test
  void execute_version_namesFlowloop() {
    assertThat(Run.of("--version").out()).startsWith("flowloop ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"rollout", "pretrain"})
  void execute_printConfig_showsValuesAndOrigins(String verb) {
    Run run = Run.of(verb, "--print-config", "rollout.n=3");

    assertThat(run.exitCode()).isZero();
    assertThat(run.out().lines())
        .anyMatch(line -> line.matches("rollout\\.n +=  ?3 +# command line"))
        .anyMatch(line -> line.matches("rollout\\.seed += 42 +# reference"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "rollout", "pretrain"})
  void execute_badSettings_tellsAllAtOnce(String verb) {
    Run run = Run.of(verb, "rollout.m=3", "rollout.workers=0", "nonsense");

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("did you mean rollout.n?", "rollout.workers: 0", "nonsense");
    assertThat(run.out()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "rollout", "bench"})
  void help_verbWithSettings_namesThePresets(String verb) {
    assertThat(Run.of(verb, "--help").out().replaceAll("\\s+", " "))
        .contains("settings: " + String.join(", ", ConfigSources.PRESETS) + " (default: glyph)");
  }
}
