package io.flowloop.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import java.util.Locale;
import java.util.SplittableRandom;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OcrScoreTest {

  @ParameterizedTest
  @CsvSource({
    "7382, 7382, 1",
    "7382, 738Z, 0.75",
    "7382, 'No. 7382!', 1",
    "7382, '', 0",
    "7382, 382, 0.75",
    "7382, '73 8 2', 1",
    "7382, '12345678901', 0",
    "Now Open, 'NOW\nOPEN', 1",
    "Now Open, now oqen, 0.857142857",
    "ÄÖ, äö, 1",
  })
  void of_examples_matchTheFormula(String target, String reading, double reward) {
    assertThat(OcrScore.of(reading, target)).isCloseTo(reward, within(1e-9));
  }

  @Test
  void of_charactersBeyondTheBasicPlane_countOnce() {
    assertThat(OcrScore.of("🐈x", "🐈🐕")).isEqualTo(0.5);
  }

  @RepeatedTest(200)
  void of_anyReading_keepsTheLaws(RepetitionInfo repetition) {
    SplittableRandom random = new SplittableRandom(repetition.getCurrentRepetition());
    String target = word(random, 1 + random.nextInt(8));
    String reading = word(random, random.nextInt(12));
    double reward = OcrScore.of(reading, target);
    double steps = reward * target.length();

    assertThat(reward).isBetween(0.0, 1.0);
    assertThat(steps).isCloseTo(Math.rint(steps), within(1e-9));
    assertThat(reward == 1).isEqualTo(reading.contains(target));
    assertThat(OcrScore.of(reading + target + reading, target)).isEqualTo(1);
    assertThat(OcrScore.of(spaced(reading, random), spaced(target, random))).isEqualTo(reward);
    assertThat(OcrScore.of(reading.toUpperCase(Locale.ROOT), target)).isEqualTo(reward);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\'',
      textBlock =
          """
          a sign that says "7382"         | 7382
          "one" and "two"                 | one
          it says "Now Open" over a door  | Now Open
          """)
  void target_quotedText_isTheFirstOne(String prompt, String target) {
    assertThat(OcrScore.target(prompt)).isEqualTo(target);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a sign", "a sign that says \"7382", "\"\" and \"two\"", "a \" \" b"})
  void target_noneQuoted_isABadPrompt(String prompt) {
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> OcrScore.target(prompt))
        .withMessageStartingWith("prompt: " + prompt + " (expected: ");
  }

  @Test
  void isDigits_textWithAnythingElse_isNot() {
    assertThat(OcrScore.isDigits("73 82")).isTrue();
    assertThat(OcrScore.isDigits("73-82")).isFalse();
    assertThat(OcrScore.isDigits("٣٤")).isFalse();
  }

  private static String word(SplittableRandom random, int length) {
    return random
        .ints(length, 'a', 'd')
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }

  private static String spaced(String text, SplittableRandom random) {
    return text.replaceAll("(.)", random.nextBoolean() ? " $1" : "$1 \n");
  }
}
