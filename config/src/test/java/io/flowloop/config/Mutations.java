package io.flowloop.config;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.UnaryOperator;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;

/**
 * Files that were right and were then damaged in up to four places. One is a string of bytes, each
 * a character from 0 to 255, so that it need not be UTF-8 and can still be read in a report.
 */
final class Mutations {

  private static final int MOST = 4;

  private Mutations() {}

  /** The bytes of a text. */
  static String bytes(String text) {
    return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
  }

  /**
   * Damaged files.
   *
   * @param files bytes that are right
   * @param inserted bytes that make them wrong
   */
  static Arbitrary<String> of(Arbitrary<String> files, Arbitrary<String> inserted) {
    return Combinators.combine(files, mutation(inserted).list().ofMaxSize(MOST))
        .as(
            (file, mutations) -> {
              String damaged = file;
              for (UnaryOperator<String> mutation : mutations) {
                damaged = mutation.apply(damaged);
              }
              return damaged;
            });
  }

  private static Arbitrary<UnaryOperator<String>> mutation(Arbitrary<String> inserted) {
    Arbitrary<Double> place = Arbitraries.integers().between(0, 1000).map(share -> share / 1000.0);
    Arbitrary<String> oneByte = Arbitraries.chars().range('\0', '\u00ff').map(String::valueOf);
    return Arbitraries.oneOf(
        place.map(end -> file -> file.substring(0, at(file, end))),
        Combinators.combine(place, oneByte).as((at, to) -> file -> replace(file, at, 1, to)),
        Combinators.combine(place, inserted).as((at, text) -> file -> replace(file, at, 0, text)),
        Combinators.combine(place, inserted).as((at, text) -> file -> line(file, at, text)),
        Combinators.combine(place, Arbitraries.integers().between(1, 40))
            .as((at, size) -> file -> replace(file, at, size, "")),
        Combinators.combine(place, place).as((one, other) -> file -> swapLines(file, one, other)),
        Combinators.combine(place, place).as((from, to) -> file -> copyLine(file, from, to)));
  }

  private static String replace(String file, double place, int size, String text) {
    int at = at(file, place);
    return file.substring(0, at) + text + file.substring(Math.min(file.length(), at + size));
  }

  private static String line(String file, double place, String text) {
    int lineBreak = file.indexOf('\n', at(file, place));
    int at = lineBreak < 0 ? file.length() : lineBreak + 1;
    return file.substring(0, at) + text + "\n" + file.substring(at);
  }

  private static String swapLines(String file, double one, double other) {
    List<String> lines = lines(file);
    Collections.swap(lines, at(lines, one), at(lines, other));
    return String.join("\n", lines);
  }

  private static String copyLine(String file, double from, double to) {
    List<String> lines = lines(file);
    lines.add(at(lines, to), lines.get(at(lines, from)));
    return String.join("\n", lines);
  }

  private static List<String> lines(String file) {
    return new ArrayList<>(List.of(file.split("\n", -1)));
  }

  private static int at(String file, double place) {
    return (int) (file.length() * place);
  }

  private static int at(List<String> lines, double place) {
    return (int) ((lines.size() - 1) * place);
  }
}
