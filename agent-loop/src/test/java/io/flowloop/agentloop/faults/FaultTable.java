package io.flowloop.agentloop.faults;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * The rows of all faults that a run has made, in Markdown at its end: as a file, and printed. A run
 * without any writes nothing.
 */
final class FaultTable implements AutoCloseable {

  private static final String HEAD =
      """
      | # | fault | how it was made | samples expected | done | counted twice | leases left \
      | recovery, s | result |
      |--:|---|---|--:|--:|--:|--:|--:|---|
      """;

  private final Path file;
  private final PrintStream out;
  private final List<FaultRow> rows = new ArrayList<>();
  private final List<String> remarks = new ArrayList<>();

  FaultTable(Path file, PrintStream out) {
    this.file = file;
    this.out = out;
  }

  /**
   * Adds what came of a fault.
   *
   * @throws AssertionError unless it {@link FaultRow#holds}; the row is in the table all the same
   */
  synchronized void add(FaultRow row) {
    rows.add(row);
    if (!row.holds()) {
      throw new AssertionError("%d, %s: %s".formatted(row.number(), row.fault(), row.result()));
    }
  }

  /** Adds a line below the table, on a test that gave no row or failed in other ways. */
  synchronized void remark(String test, String text) {
    remarks.add("- %s: %s\n".formatted(test, text.strip().lines().findFirst().orElse("")));
  }

  private synchronized String markdown() {
    StringBuilder text = new StringBuilder(HEAD);
    rows.stream()
        .sorted(Comparator.comparingInt(FaultRow::number))
        .map(FaultTable::line)
        .forEach(text::append);
    if (!remarks.isEmpty()) {
      text.append('\n').append(String.join("", remarks));
    }
    return text.toString();
  }

  private static String line(FaultRow row) {
    return "| %d | %s | %s | %d | %d | %d | %d | %s | %s |\n"
        .formatted(
            row.number(),
            cell(row.fault()),
            cell(row.how()),
            row.expected(),
            row.done(),
            row.countedTwice(),
            row.leases(),
            seconds(row.recovery()),
            row.result());
  }

  private static String cell(String text) {
    return text.replace("|", "\\|").replace('\n', ' ');
  }

  private static String seconds(Duration time) {
    return time.isZero() ? "" : String.format(Locale.ROOT, "%.1f", time.toMillis() / 1e3);
  }

  /** Ends the run. */
  @Override
  public synchronized void close() {
    if (rows.isEmpty() && remarks.isEmpty()) {
      return;
    }
    out.println(markdown());
    try {
      Files.createDirectories(file.getParent());
      Files.writeString(file, markdown());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
