package io.flowloop.reward;

import io.flowloop.config.EditDistance;
import io.flowloop.engine.QuotedText;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * How much of the text that a prompt quotes was read in an image.
 *
 * <pre>
 * target  = the text between the first pair of double quotes
 * reward  = 1 − distance / length of the target
 * distance = 0 if the reading contains the target, else min(Levenshtein, length of the target)
 * </pre>
 *
 * <p>White space and letter case count for nothing; lengths are in Unicode code points.
 */
final class OcrScore {

  private static final Pattern SPACE = Pattern.compile("\\s+", Pattern.UNICODE_CHARACTER_CLASS);

  private OcrScore() {}

  /**
   * The text that an image of the prompt should show, as written in the prompt.
   *
   * @throws IllegalArgumentException when the prompt quotes none, or only white space
   */
  static String target(String prompt) {
    return QuotedText.in(prompt)
        .filter(text -> !normalized(text).isEmpty())
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "prompt: %s (expected: the text to draw between double quotes, to compare with the OCR reading)"
                        .formatted(prompt)));
  }

  /**
   * The reward of a reading, in [0, 1].
   *
   * @param target holds at least one character that is not white space
   */
  static double of(String reading, String target) {
    String read = normalized(reading);
    String wanted = normalized(target);
    if (read.contains(wanted)) {
      return 1;
    }
    int length = wanted.codePointCount(0, wanted.length());
    int distance = Math.min(EditDistance.between(read, wanted), length);
    return 1 - (double) distance / length;
  }

  /** Whether a text consists of the digits 0 to 9 and white space alone. */
  static boolean isDigits(String text) {
    return normalized(text).chars().allMatch(character -> '0' <= character && character <= '9');
  }

  private static String normalized(String text) {
    return SPACE.matcher(text).replaceAll("").toLowerCase(Locale.ROOT);
  }
}
