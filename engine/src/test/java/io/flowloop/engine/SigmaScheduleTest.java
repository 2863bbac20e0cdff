package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SigmaScheduleTest {

  private static final SigmaShift QWEN_IMAGE =
      new SigmaShift(0.5, 0.9, 256, 8192, OptionalDouble.of(0.02));
  private static final SigmaShift FLUX =
      new SigmaShift(0.5, 1.15, 256, 4096, OptionalDouble.empty());
  private static final Pattern GOLDEN_NAME = Pattern.compile("sigmas\\.steps(\\d+)\\.len(\\d+)");

  @Test
  void shiftedBySize_qwenImage_isBitEqualToTheReference() throws IOException {
    Map<String, float[]> golden = golden();
    assertThat(golden).hasSize(9);
    golden.forEach(
        (name, sigmas) -> {
          MatchResult match = GOLDEN_NAME.matcher(name).results().findFirst().orElseThrow();
          int steps = Integer.parseInt(match.group(1));
          int tokens = Integer.parseInt(match.group(2));
          assertThat(SigmaSchedule.shiftedBySize(steps, tokens, QWEN_IMAGE))
              .as(name)
              .containsExactly(sigmas);
        });
  }

  @Test
  void shiftedBySize_noTerminal_isThePublishedFormula() {
    float[] sigmas = SigmaSchedule.shiftedBySize(4, 4096, FLUX);

    assertThat(sigmas).hasSize(5);
    for (int i = 0; i < 4; i++) {
      double s = 1 - i / 4.0;
      double expected = Math.exp(1.15) / (Math.exp(1.15) + 1 / s - 1);
      assertThat((double) sigmas[i]).isCloseTo(expected, within(2e-7));
    }
    assertThat(sigmas[4]).isZero();
  }

  @Test
  void linear_tenSteps_areTenths() {
    assertThat(SigmaSchedule.linear(10))
        .containsExactly(1, .9f, .8f, .7f, .6f, .5f, .4f, .3f, .2f, .1f, 0);
  }

  @Test
  void shifted_three_isTheFormulaAndByOneIsLinear() {
    assertThat(SigmaSchedule.shifted(4, 3)).containsExactly(1, .9f, .75f, .5f, 0);
    assertThat(SigmaSchedule.shifted(7, 1)).containsExactly(SigmaSchedule.linear(7));
  }

  @Test
  void twiceShifted_three_endsAtTheTimestepOfSd3() {
    float[] sigmas = SigmaSchedule.twiceShifted(28, 3);

    assertThat(sigmas).hasSize(29);
    assertThat(sigmas[0]).isEqualTo(1);
    // 3s / (1 + 2s) of 3s / (1 + 2s) of 0.001 is 9 / 1008.
    assertThat((double) sigmas[27]).isCloseTo(9 / 1008.0, within(1e-9));
    assertThat(sigmas[28]).isZero();
    double s = 1 - 9 * (1 - 3 / 1002.0) / 27;
    assertThat((double) sigmas[9]).isCloseTo(3 * s / (1 + 2 * s), within(1e-7));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 10, 50, 1000})
  void everySchedule_anySteps_fallsFromOneToZero(int steps) {
    assertFalls(SigmaSchedule.linear(steps), steps);
    assertFalls(SigmaSchedule.shifted(steps, 3), steps);
    assertFalls(SigmaSchedule.shifted(steps, 0.5), steps);
    assertFalls(SigmaSchedule.twiceShifted(steps, 3), steps);
    assertFalls(SigmaSchedule.shiftedBySize(steps, 6032, QWEN_IMAGE), steps);
    assertFalls(SigmaSchedule.shiftedBySize(steps, 64, FLUX), steps);
  }

  @Test
  void create_numbersThatGiveNoSchedule_areRefused() {
    assertRefused(() -> SigmaSchedule.linear(0), "numInferenceSteps: 0");
    assertRefused(() -> SigmaSchedule.shifted(4, 0), "shift: 0.0");
    assertRefused(() -> SigmaSchedule.twiceShifted(4, Double.NaN), "shift: NaN");
    OptionalDouble none = OptionalDouble.empty();
    assertRefused(() -> new SigmaShift(.5, .9, 256, 256, none), "lengths: 256 and 256");
    assertRefused(() -> new SigmaShift(.5, Double.NaN, 256, 512, none), "0.5 to NaN");
    assertRefused(() -> new SigmaShift(.5, .9, 256, 512, OptionalDouble.of(1)), "terminal: 1.0");
  }

  private static void assertFalls(float[] sigmas, int steps) {
    assertThat(sigmas).hasSize(steps + 1);
    assertThat(sigmas[0]).isEqualTo(1);
    assertThat(sigmas[steps]).isZero();
    for (int i = 0; i < steps; i++) {
      assertThat(sigmas[i + 1]).isLessThan(sigmas[i]);
    }
  }

  private static void assertRefused(Runnable create, String message) {
    assertThatThrownBy(create::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  private static Map<String, float[]> golden() throws IOException {
    try (var stream = SigmaScheduleTest.class.getResourceAsStream("/golden/sigmas.json");
        var reader =
            new InputStreamReader(Objects.requireNonNull(stream), StandardCharsets.UTF_8)) {
      return new Gson().fromJson(reader, new TypeToken<Map<String, float[]>>() {}.getType());
    }
  }
}
