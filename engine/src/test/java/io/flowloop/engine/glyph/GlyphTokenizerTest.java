package io.flowloop.engine.glyph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GlyphTokenizerTest {

  @Test
  void ids_digitsInQuotes_areOneTokenEachThenPadding() {
    assertThat(GlyphTokenizer.ids("a sign that says \"7380\""))
        .containsExactly(8, 4, 9, 1, 0, 0, 0, 0);
  }

  @Test
  void mask_padding_isFalse() {
    assertThat(GlyphTokenizer.mask(GlyphTokenizer.ids("\"05\" and \"6\"")))
        .containsExactly(true, true, false, false, false, false, false, false);
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '\'',
      textBlock =
          """
          a sign,                    no text between double quotes
          a sign that says "73,      no text between double quotes
          a sign that says "OPEN",   'OPEN' has other characters
          a sign that says "٣٤",     '٣٤' has other characters
          "123456789",               '123456789' is too long
          """)
  void digits_promptItCannotDraw_saysWhy(String prompt, String problem) {
    assertThatThrownBy(() -> GlyphTokenizer.digits(prompt))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("prompt '" + prompt + "'")
        .hasMessageContaining(problem.replace("''", "'"))
        .hasMessageContaining("expected: up to 8 digits between double quotes");
  }
}
