package io.flowloop.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeSet;

/** The known name that a misspelled one was probably meant to be. */
public final class Nearest {

  private Nearest() {}

  /**
   * The name that takes the fewest edits of one character to write instead of {@code written},
   * whatever the case of its letters; the first in alphabetical order of several.
   *
   * @return empty when no name is near: more than two letters and half of the name would change
   */
  public static Optional<String> to(String written, Collection<String> names) {
    return closest(written, names)
        .filter(name -> distance(written, name) <= Math.max(2, (name.length() - 1) / 2));
  }

  /** The same without a limit: empty only when there are no names. */
  static Optional<String> closest(String written, Collection<String> names) {
    return names.stream().sorted().min(Comparator.comparingInt(name -> distance(written, name)));
  }

  /** {@code one of cpu, gpu; did you mean gpu?}: what was expected where names are known. */
  static String oneOf(String written, Collection<String> names) {
    return "one of "
        + String.join(", ", new TreeSet<>(names))
        + to(written, names).map(name -> "; did you mean " + name + "?").orElse("");
  }

  /** Levenshtein's edit distance between two words in lower case. */
  static int distance(String left, String right) {
    String a = left.toLowerCase(Locale.ROOT);
    String b = right.toLowerCase(Locale.ROOT);
    int[] above = new int[b.length() + 1];
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      above[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = above[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(replaced, Math.min(above[j], row[j - 1]) + 1);
      }
      int[] next = above;
      above = row;
      row = next;
    }
    return above[b.length()];
  }
}
