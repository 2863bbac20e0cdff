package io.flowloop.agentloop.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A table of plain text under a title, its columns as wide as they have to be. */
final class TextTable {

  private final String title;
  private final List<List<String>> lines = new ArrayList<>();

  /** A table with these columns and no line. */
  TextTable(String title, List<String> columns) {
    this.title = title;
    lines.add(columns);
  }

  /**
   * Adds a line.
   *
   * @param cells one for each column
   */
  TextTable add(List<String> cells) {
    lines.add(cells);
    return this;
  }

  /** After an empty line, its lines, right-aligned. */
  String render() {
    List<Integer> widths =
        IntStream.range(0, lines.getFirst().size())
            .mapToObj(
                i -> lines.stream().mapToInt(line -> line.get(i).length()).max().orElseThrow())
            .toList();
    return lines.stream()
        .map(line -> render(line, widths))
        .collect(Collectors.joining("\n", "\n" + title + "\n", "\n"));
  }

  private static String render(List<String> line, List<Integer> widths) {
    return IntStream.range(0, line.size())
        .mapToObj(i -> " ".repeat(2 + widths.get(i) - line.get(i).length()) + line.get(i))
        .collect(Collectors.joining());
  }
}
