package io.flowloop.engine.glyph;

import io.flowloop.engine.QuotedText;

/**
 * From a prompt to token ids: the digits between its first pair of double quotes, one token each,
 * padded to {@link GlyphConfig#TEXT_TOKENS}.
 *
 * <p>Like Glyph-ByT5's, the encoder reads only what is to be written; the sentence around the
 * quotes is for people.
 */
public final class GlyphTokenizer {

  /** The negative prompt: nothing but padding. */
  static final String NOTHING = "\"\"";

  private static final long PADDING = 0;

  private GlyphTokenizer() {}

  /**
   * The digits to be drawn.
   *
   * @throws IllegalArgumentException if there are no quotes, too many characters or other ones than
   *     digits between them
   */
  public static String digits(String prompt) {
    String digits =
        QuotedText.in(prompt).orElseThrow(() -> bad(prompt, "no text between double quotes"));
    if (digits.length() > GlyphConfig.TEXT_TOKENS) {
      throw bad(prompt, "'" + digits + "' is too long");
    }
    if (digits.chars().anyMatch(c -> c < '0' || c > '9')) {
      throw bad(prompt, "'" + digits + "' has other characters");
    }
    return digits;
  }

  private static IllegalArgumentException bad(String prompt, String problem) {
    return new IllegalArgumentException(
        "prompt '%s': %s (expected: up to %d digits between double quotes, which is all that the"
                .formatted(prompt, problem, GlyphConfig.TEXT_TOKENS)
            + " glyph model can draw)");
  }

  /**
   * The L ids of {@code prompt}: 0 pads, 1 + d is the digit d.
   *
   * @throws IllegalArgumentException if {@link #digits} does
   */
  public static long[] ids(String prompt) {
    long[] ids = new long[GlyphConfig.TEXT_TOKENS];
    String digits = digits(prompt);
    for (int i = 0; i < digits.length(); i++) {
      ids[i] = 1L + digits.charAt(i) - '0';
    }
    return ids;
  }

  /** True where a token is a digit. */
  static boolean[] mask(long[] ids) {
    boolean[] mask = new boolean[ids.length];
    for (int i = 0; i < ids.length; i++) {
      mask[i] = ids[i] != PADDING;
    }
    return mask;
  }
}
