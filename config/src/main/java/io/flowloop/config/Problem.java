package io.flowloop.config;

import java.util.Optional;

/**
 * One thing wrong with a configuration.
 *
 * @param key the key's full path as it was written, or what else is wrong, such as {@code preset}
 * @param value its value, where that is what is wrong
 * @param origin where it was written: {@code my.conf:14}, {@code preset glyph} or {@code command
 *     line}
 * @param message what was expected, or what to write instead
 */
public record Problem(String key, Optional<String> value, String origin, String message) {

  /** Origin of what is wrong with no source alone. */
  static final String ANYWHERE = "the configuration";

  private static final int LONGEST_SUBJECT = 200;
  private static final int LONGEST_TEXT = 1000;

  /** Shortens what is long, and makes visible what is not. */
  public Problem {
    key = Printable.of(key, LONGEST_SUBJECT);
    value = value.map(text -> Printable.of(text, LONGEST_SUBJECT));
    origin = Printable.of(origin, LONGEST_TEXT);
    message = Printable.of(message, LONGEST_TEXT);
  }

  static Problem expected(String key, String value, String origin, String expected) {
    return new Problem(key, Optional.of(value), origin, "expected: " + expected);
  }

  /** Key and value as in a configuration file's line. */
  String subject() {
    return value.map(text -> key + ": " + text).orElse(key);
  }

  /** The origin without its line. */
  String source() {
    return origin.replaceFirst(":\\d+$", "");
  }
}
