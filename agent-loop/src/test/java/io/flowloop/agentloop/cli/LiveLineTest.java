package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class LiveLineTest {

  private final StringWriter out = new StringWriter();

  private LiveLine line(boolean interactive) {
    PrintWriter writer = new PrintWriter(out);
    return new LiveLine(new Terminal(writer, writer, interactive), 10);
  }

  @Test
  void show_nobodyWatches_writesALineAtEachTenth() {
    LiveLine line = line(false);

    for (int done = 1; done <= 100; done++) {
      int shown = done;
      line.show(done, 100, () -> "at " + shown);
    }
    line.end();

    assertThat(out.toString().lines())
        .containsExactly(
            "at 10", "at 20", "at 30", "at 40", "at 50", "at 60", "at 70", "at 80", "at 90",
            "at 100");
  }

  @Test
  void show_somebodyWatches_overwritesTheWholeLine() {
    LiveLine line = line(true);

    line.show(1, 2, () -> "a long line");
    line.show(2, 2, () -> "short");
    line.end();

    assertThat(out.toString()).isEqualTo("\ra long line\rshort      " + System.lineSeparator());
  }

  @Test
  void show_sooner_thanEyesCanFollow_isLeftOut() {
    LiveLine line = line(true);

    line.show(1, 3, () -> "first");
    line.show(2, 3, () -> "second");
    line.show(3, 3, () -> "last");

    assertThat(out.toString()).contains("first", "last").doesNotContain("second");
  }

  @Test
  void say_inTheMiddle_leavesTheLineStanding() {
    LiveLine line = line(true);

    line.show(1, 2, () -> "half");
    line.say("news");

    String end = System.lineSeparator();
    assertThat(out.toString()).isEqualTo("\rhalf" + end + "news" + end);
  }
}
