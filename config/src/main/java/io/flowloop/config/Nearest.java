package io.flowloop.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeSet;

/** The known name that a misspelled one was probably meant to be. */
public final class Nearest {

  /** Characters of a text that may have been meant to be a name; a distance takes their product. */
  private static final int LONGEST = 100;

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

  /** The same without a limit: empty only when there are no names, or no name is so long. */
  static Optional<String> closest(String written, Collection<String> names) {
    if (written.length() > LONGEST) {
      return Optional.empty();
    }
    return names.stream().sorted().min(Comparator.comparingInt(name -> distance(written, name)));
  }

  /** {@code one of cpu, gpu; did you mean gpu?}: what was expected where names are known. */
  static String oneOf(String written, Collection<String> names) {
    return "one of "
        + String.join(", ", new TreeSet<>(names))
        + to(written, names).map(name -> "; did you mean " + name + "?").orElse("");
  }

  /** The edit distance whatever the case of letters. */
  static int distance(String left, String right) {
    return EditDistance.between(left.toLowerCase(Locale.ROOT), right.toLowerCase(Locale.ROOT));
  }
}
