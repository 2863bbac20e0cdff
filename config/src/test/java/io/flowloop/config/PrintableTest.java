package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PrintableTest {

  @ParameterizedTest
  @CsvSource({
    "a\u001b[31mred, a\\u001b[31mred",
    "a\u0000b, a\\u0000b",
    "a\u009bb, a\\u009bb",
    "a\u202eb, a\\u202eb",
    "a\u2028b, a\\u2028b",
    "a\uFEFFb, a\\ufeffb",
    "\ud800x, \\ud800x",
    "\udb40\udc01x, \\udb40\\udc01x"
  })
  void of_whatIsNotSeen_isEscaped(String text, String shown) {
    assertThat(Printable.of(text)).isEqualTo(shown);
  }

  @ParameterizedTest
  @CsvSource({"a # \"b\" \\n", "grün", "漢字", "😀"})
  void of_whatIsSeen_isLeftAlone(String text) {
    assertThat(Printable.of(text)).isEqualTo(text);
  }

  @Test
  void of_longText_isCutAndSaysSo() {
    assertThat(Printable.of("abcdef", 6)).isEqualTo("abcdef");
    assertThat(Printable.of("abcdefg", 6)).isEqualTo("abcdef... (7 characters)");
    assertThat(Printable.of("\0\0", 6)).isEqualTo("\\u0000... (2 characters)");
  }
}
