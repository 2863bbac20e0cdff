package io.flowloop.example;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class EmbeddedRolloutTest {

  @Test
  void main_fewSteps_printsOneLineASample() {
    PrintStream out = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      EmbeddedRollout.main(new String[] {"rollout.n=2", "sampler.numInferenceSteps=4"});
    } finally {
      System.setOut(out);
    }

    assertThat(printed.toString(StandardCharsets.UTF_8).lines())
        .hasSize(4)
        .allMatch(line -> line.matches(".* row \\d  reward [01]\\.\\d\\d  log-prob -?\\d.*"));
  }

  @Test
  void readme_example_isThisClass() throws IOException {
    String readme = Files.readString(Path.of("../README.md"));
    String source =
        Files.readString(Path.of("src/test/java/io/flowloop/example/EmbeddedRollout.java"));
    String method =
        source
            .substring(source.indexOf("  public static void main"), source.lastIndexOf('}'))
            .stripTrailing()
            .stripIndent();

    assertThat(readme).contains(method);
  }
}
