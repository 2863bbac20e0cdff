package io.flowloop.agentloop.track;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.Tracker.Metrics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsFileTest {

  @TempDir Path temp;

  private void write(int from, int to, int resumedAt) {
    try (MetricsFile metrics = MetricsFile.open(new OutputFolder(temp), resumedAt)) {
      for (int step = from; step <= to; step++) {
        metrics.add(step, Map.of("loss", 0.5));
      }
    }
  }

  private Path file() {
    return temp.resolve("metrics.jsonl");
  }

  @Test
  void add_steps_isALineEach() {
    write(1, 2, 0);

    assertThat(file()).hasContent("{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.5}\n");
  }

  @Test
  void add_notANumber_isNull() {
    try (MetricsFile metrics = MetricsFile.open(new OutputFolder(temp), 0)) {
      metrics.add(1, Map.of("grad_norm", Double.NaN));
    }

    assertThat(file()).hasContent("{\"step\":1,\"grad_norm\":null}");
  }

  @Test
  void open_resumed_forgetsWhatCameAfterTheCheckpoint() throws IOException {
    write(1, 5, 0);
    Files.writeString(file(), "{\"step\":6,\"lo", StandardOpenOption.APPEND);

    write(4, 4, 3);

    assertThat(Files.readAllLines(file()))
        .extracting(line -> line.charAt("{\"step\":".length()))
        .containsExactly('1', '2', '3', '4');
  }

  @Test
  void open_newRun_beginsAnew() throws IOException {
    write(1, 5, 0);

    write(1, 1, 0);

    assertThat(Files.readAllLines(file())).hasSize(1);
  }

  @Test
  void read_linesUpToAStep_leavesOutWhatIsNotFinite() throws IOException {
    write(1, 3, 0);
    try (MetricsFile metrics = MetricsFile.open(new OutputFolder(temp), 3)) {
      metrics.add(3, Map.of("val/reward_mean", Double.NaN));
    }

    List<Metrics> lines = MetricsFile.read(temp, 3);

    assertThat(lines).extracting(Metrics::step).containsExactly(1, 2, 3, 3);
    assertThat(lines.getFirst().values()).containsExactly(Map.entry("loss", 0.5));
    assertThat(lines.getLast().values()).isEmpty();
    assertThat(MetricsFile.read(temp, 1)).hasSize(1);
  }

  @Test
  void read_noFile_isNothing() throws IOException {
    assertThat(MetricsFile.read(temp, 3)).isEmpty();
  }
}
