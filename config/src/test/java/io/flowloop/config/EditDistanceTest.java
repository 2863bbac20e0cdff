package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EditDistanceTest {

  @ParameterizedTest
  @CsvSource({
    "kitten, sitting, 3",
    "saturday, sunday, 3",
    "'', abc, 3",
    "abc, '', 3",
    "'', '', 0",
    "abc, abc, 0",
    "ab, ba, 2",
    "🐈, 🐕, 1"
  })
  void between_examples_matchThePublishedValues(String left, String right, int distance) {
    assertThat(EditDistance.between(left, right)).isEqualTo(distance);
  }

  @RepeatedTest(100)
  void between_anyTexts_isAMetric(RepetitionInfo repetition) {
    SplittableRandom random = new SplittableRandom(repetition.getCurrentRepetition());
    String a = word(random);
    String b = word(random);
    String c = word(random);
    int distance = EditDistance.between(a, b);

    assertThat(distance)
        .isEqualTo(EditDistance.between(b, a))
        .isBetween(Math.abs(a.length() - b.length()), Math.max(a.length(), b.length()))
        .isLessThanOrEqualTo(EditDistance.between(a, c) + EditDistance.between(c, b));
    assertThat(distance == 0).isEqualTo(a.equals(b));
  }

  private static String word(SplittableRandom random) {
    return random
        .ints(random.nextInt(6), 'a', 'c')
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }
}
