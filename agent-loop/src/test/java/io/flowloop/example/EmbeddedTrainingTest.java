package io.flowloop.example;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedTrainingTest {

  @TempDir Path dir;

  @Test
  void main_fewSteps_drawsAndTrains() {
    PrintStream out = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      EmbeddedTraining.main(
          new String[] {
            "rollout.n=2",
            "data.promptsPerStep=2",
            "update.miniBatch=4",
            "sampler.numInferenceSteps=4",
            "trainer.steps=1",
            "validation.prompts=2",
            "validation.n=1",
            "validation.numInferenceSteps=4",
            "trainer.dir=" + dir
          });
    } finally {
      System.setOut(out);
    }

    String text = printed.toString(StandardCharsets.UTF_8);
    assertThat(text.lines().filter(line -> line.contains(" row ")))
        .hasSize(4)
        .allMatch(line -> line.matches(".* row \\d  reward [01]\\.\\d\\d  log-prob -?\\d.*"));
    assertThat(text).contains("best validation: ");
    assertThat(dir.resolve("best/policy.safetensors")).isNotEmptyFile();
    assertThat(dir.resolve("metrics.jsonl")).content().contains("reward/whiteness_mean");
  }

  @Test
  void readme_example_isThisClass() throws IOException {
    String readme = Files.readString(Path.of("../README.md"));
    String source =
        Files.readString(Path.of("src/test/java/io/flowloop/example/EmbeddedTraining.java"));
    String method =
        source
            .substring(source.indexOf("  public static void main"), source.lastIndexOf('}'))
            .stripTrailing()
            .stripIndent();

    assertThat(readme).contains(method);
  }
}
