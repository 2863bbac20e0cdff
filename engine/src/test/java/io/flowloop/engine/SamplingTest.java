package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.SdeType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SamplingTest {

  @Test
  void create_windowOverTheLastStep_isRefused() {
    assertThatThrownBy(() -> sampling(10, 1, 0.7, new SdeWindow(8, 2)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("sdeWindow: [8, 10) (expected: within [0, 9)");
  }

  @Test
  void create_noNoise_hasNoWindow() {
    assertThat(sampling(10, 1, 0, SdeWindow.whole(10)).sdeWindow()).isEqualTo(SdeWindow.NONE);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1, 0.7, numInferenceSteps: 0",
    "10, NaN, 0.7, guidanceScale: NaN",
    "10, 1, -0.1, noiseLevel: -0.1",
    "10, 1, NaN, noiseLevel: NaN"
  })
  void create_valueOutOfRange_isNamed(int steps, double guidance, double noise, String message) {
    assertThatThrownBy(() -> sampling(steps, guidance, noise, SdeWindow.NONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(message);
  }

  private static Sampling sampling(int steps, double guidance, double noise, SdeWindow window) {
    return new Sampling(steps, guidance, SdeType.SDE, noise, window);
  }
}
