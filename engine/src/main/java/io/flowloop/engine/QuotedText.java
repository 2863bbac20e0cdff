package io.flowloop.engine;

import java.util.Optional;

/** The text that a prompt wants to be written in its image. */
public final class QuotedText {

  private QuotedText() {}

  /** What stands between the first pair of double quotes; it may be empty. */
  public static Optional<String> in(String prompt) {
    int open = prompt.indexOf('"');
    int close = prompt.indexOf('"', open + 1);
    return open < 0 || close < 0
        ? Optional.empty()
        : Optional.of(prompt.substring(open + 1, close));
  }
}
