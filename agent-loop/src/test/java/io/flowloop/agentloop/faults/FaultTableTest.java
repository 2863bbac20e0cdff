package io.flowloop.agentloop.faults;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(FaultTableExtension.class)
class FaultTableTest {

  private static final Set<FaultTable> given = new HashSet<>();

  @TempDir Path temp;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private FaultTable table() {
    return new FaultTable(temp.resolve("faults/table.md"), new PrintStream(out, true, UTF_8));
  }

  private static FaultRow row(int number, int expected, int done, int countedTwice, int leases) {
    Duration recovery = number == 1 ? Duration.ofMillis(4_250) : Duration.ZERO;
    return new FaultRow(number, "a|b", "SIGKILL", expected, done, countedTwice, leases, recovery);
  }

  @Test
  void close_rows_writesAndPrintsThemByNumber() {
    try (FaultTable table = table()) {
      table.add(row(2, 8, 8, 0, 0));
      table.add(row(1, 4, 4, 0, 0));
    }

    assertThat(temp.resolve("faults/table.md"))
        .hasContent(
            """
            | # | fault | how it was made | samples expected | done | counted twice | leases left \
            | recovery, s | result |
            |--:|---|---|--:|--:|--:|--:|--:|---|
            | 1 | a\\|b | SIGKILL | 4 | 4 | 0 | 0 | 4.3 | holds |
            | 2 | a\\|b | SIGKILL | 8 | 8 | 0 | 0 |  | holds |
            """);
    assertThat(out.toString(UTF_8)).contains("4.3 | holds |");
  }

  @Test
  void add_rowThatDoesNotHold_failsAndIsInTheTable() {
    try (FaultTable table = table()) {
      assertThatThrownBy(() -> table.add(row(3, 8, 7, 1, 2)))
          .isInstanceOf(AssertionError.class)
          .hasMessage("3, a|b: 7 samples done (expected: 8), 1 counted twice, 2 leases left");
    }

    assertThat(out.toString(UTF_8)).contains("| 2 |  | 7 samples done (expected: 8), 1 counted");
  }

  @Test
  void close_remarks_standBelowTheTable() {
    try (FaultTable table = table()) {
      table.remark("KillTest.kill()", "failed: no line\nwith output");
    }

    assertThat(out.toString(UTF_8)).contains("---|\n\n- KillTest.kill(): failed: no line\n");
  }

  @Test
  void close_nothing_writesNothing() {
    table().close();

    assertThat(temp).isEmptyDirectory();
    assertThat(out.size()).isZero();
  }

  @RepeatedTest(2)
  void resolveParameter_manyTests_haveOneTable(FaultTable table) {
    given.add(table);

    assertThat(given).hasSize(1);
  }
}
