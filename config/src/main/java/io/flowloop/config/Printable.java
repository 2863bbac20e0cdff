package io.flowloop.config;

import java.util.stream.Collectors;

/**
 * Text that came from outside, as it may be shown: on one line, and without what a terminal would
 * obey.
 */
public final class Printable {

  private Printable() {}

  /** The text with its control, format and other unseen characters written as in HOCON. */
  public static String of(String text) {
    return text.codePoints()
        .mapToObj(c -> isSeen(c) ? Character.toString(c) : escape(c))
        .collect(Collectors.joining());
  }

  /** The same in at most {@code most} characters, and how many it had if that is not all of it. */
  public static String of(String text, int most) {
    String shown = of(text.substring(0, Math.min(most, text.length())));
    return text.length() <= most && shown.length() <= most
        ? shown
        : shown.substring(0, most) + "... (%d characters)".formatted(text.length());
  }

  private static boolean isSeen(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SURROGATE ->
          false;
      default -> true;
    };
  }

  private static String escape(int codePoint) {
    return Character.toString(codePoint)
        .chars()
        .mapToObj("\\u%04x"::formatted)
        .collect(Collectors.joining());
  }
}
