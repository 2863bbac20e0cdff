package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class IntRangeTest {

  @Test
  void range_isHalfOpen() {
    assertThat(new IntRange(2, 5).length()).isEqualTo(3);
    assertThat(new IntRange(2, 5)).hasToString("[2, 5)");
  }

  @ParameterizedTest
  @CsvSource({"-1, 3", "4, 3"})
  void range_belowZeroOrBackwards_isRefused(int start, int end) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new IntRange(start, end))
        .withMessage("range: [%d, %d) (expected: 0 <= start <= end)", start, end);
  }
}
