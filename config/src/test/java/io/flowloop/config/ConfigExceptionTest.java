package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ConfigExceptionTest {

  private static final Problem UNKNOWN =
      new Problem(
          "rollout.enableBatchDiffusion",
          Optional.empty(),
          "my.conf:14",
          "unknown key; did you mean rollout.enableBatchedDiffusion?");

  private static final Problem RANGE =
      Problem.expected(
          "sampler.sdeWindowRange",
          "[3, 12)",
          "command line",
          "within [0, 10), as sampler.numInferenceSteps is 10");

  @Test
  void message_ofSeveralSources_alignsItsColumns() {
    assertThat(new ConfigException(List.of(UNKNOWN, RANGE)))
        .hasMessage(
            """
            2 problems in the configuration
              rollout.enableBatchDiffusion     (my.conf:14)    unknown key; did you mean rollout.enableBatchedDiffusion?
              sampler.sdeWindowRange: [3, 12)  (command line)  expected: within [0, 10), as sampler.numInferenceSteps is 10""");
  }

  @Test
  void message_ofOneFile_isHeadedByIt() {
    Problem another = Problem.expected("rollout.n", "0", "my.conf:3", "1 or more");
    assertThat(new ConfigException(List.of(UNKNOWN, another)))
        .hasMessageStartingWith("2 problems in my.conf\n");
  }

  @Test
  void message_ofTheCommandLine_isHeadedByIt() {
    assertThat(new ConfigException(List.of(RANGE)))
        .hasMessageStartingWith("1 problem on the command line\n");
  }
}
