package io.flowloop.agentloop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LossyOutputTest {

  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final int PIPE = 64;

  private final PipedInputStream read = new PipedInputStream(PIPE);

  private LossyOutput output() throws IOException {
    return LossyOutput.to(new PrintStream(new PipedOutputStream(read), true, UTF_8));
  }

  private static void say(LossyOutput output, int line) {
    byte[] bytes = "line %d\n".formatted(line).getBytes(UTF_8);
    output.write(bytes, 0, bytes.length);
  }

  @Test
  void write_somebodyReads_keepsOrder() throws IOException {
    LossyOutput output = output();

    for (int i = 0; i < 3; i++) {
      say(output, i);
    }

    assertThat(output.awaitWritten(PATIENCE)).isTrue();
    assertThat(new String(read.readNBytes(read.available()), UTF_8))
        .isEqualTo("line 0\nline 1\nline 2\n");
  }

  @Test
  void write_nobodyReads_comesBackAtOnceAndSaysWhatIsLostOnceSomebodyDoes() throws IOException {
    LossyOutput output = output();

    for (int i = 0; i < 5_000; i++) {
      say(output, i);
    }

    assertThat(output.awaitWritten(Duration.ofMillis(10))).isFalse();
    // As soon as there is room again those that were lost are told of, and more may be lost.
    List<String> lines = new ArrayList<>();
    long told = 0;
    while (told < 5_000) {
      String line = line();
      lines.add(line);
      told += line.startsWith("line ") ? 1 : lost(line);
    }
    assertThat(lines)
        .startsWith("line 0", "line 1")
        .anyMatch(line -> line.startsWith("flowloop: "));
    assertThat(told).isEqualTo(5_000);
  }

  private String line() throws IOException {
    StringBuilder line = new StringBuilder();
    for (int c = read.read(); c != '\n'; c = read.read()) {
      line.append((char) c);
    }
    return line.toString();
  }

  private static long lost(String line) {
    assertThat(line).matches("flowloop: \\d+ messages are lost here, as nobody read them");
    return Long.parseLong(line.replaceAll("\\D", ""));
  }
}
