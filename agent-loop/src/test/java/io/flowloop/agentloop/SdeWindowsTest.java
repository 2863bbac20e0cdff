package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.flowloop.config.IntRange;
import io.flowloop.config.SamplerConfig;
import io.flowloop.config.SdeType;
import io.flowloop.config.SdeWindowStrategy;
import io.flowloop.config.ValidationConfig;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.SdeWindow;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SdeWindowsTest {

  private static final long SEED = 42;

  /** Of ten denoising steps, [2, 8) may be stochastic. */
  private static final Optional<IntRange> RANGE = Optional.of(new IntRange(2, 8));

  @ParameterizedTest
  @EnumSource(SdeWindowStrategy.class)
  void forStep_nothingSet_isAllButTheLastStep(SdeWindowStrategy strategy) {
    assertThat(windows(sampler(strategy, OptionalInt.empty(), Optional.empty()), SEED, 100))
        .containsOnly(SdeWindow.whole(10));
  }

  @ParameterizedTest
  @EnumSource(SdeWindowStrategy.class)
  void forStep_unsetSize_isTheWholeRange(SdeWindowStrategy strategy) {
    assertThat(windows(sampler(strategy, OptionalInt.empty(), RANGE), SEED, 100))
        .containsOnly(new SdeWindow(2, 6));
  }

  @Test
  void forStep_rangeThatHoldsTheLastStep_leavesItOut() {
    Optional<IntRange> range = Optional.of(new IntRange(4, 10));
    SamplerConfig sampler = sampler(SdeWindowStrategy.RANDOM, OptionalInt.of(4), range);

    assertThat(windows(sampler, SEED, 100)).containsOnly(new SdeWindow(4, 4), new SdeWindow(5, 4));
  }

  @Test
  void forStep_random_startsAboutEquallyOftenAtEveryPlace() {
    int[] starts = new int[10];
    windows(random(), SEED, 5000).forEach(window -> starts[window.start()]++);

    // Five places, 1000 each; the standard deviation is 28.
    assertThat(Arrays.stream(starts, 2, 7)).allSatisfy(n -> assertThat(n).isBetween(880, 1120));
    assertThat(Arrays.stream(starts).sum() - Arrays.stream(starts, 2, 7).sum()).isZero();
  }

  @Test
  void forStep_random_saysNothingAboutTheNextStep() {
    List<SdeWindow> windows = windows(random(), SEED, 5000);
    long equal =
        IntStream.range(1, windows.size())
            .filter(step -> windows.get(step).equals(windows.get(step - 1)))
            .count();

    assertThat(equal / 4999.0).isEqualTo(0.2, within(0.03));
  }

  @Test
  void forStep_random_followsFromSeedAndStepAlone() {
    List<SdeWindow> windows = windows(random(), SEED, 50);

    assertThat(SdeWindows.forStep(random(), SEED, 49)).isEqualTo(windows.getLast());
    assertThat(windows(random(), SEED, 50)).isEqualTo(windows);
    assertThat(windows(random(), SEED + 1, 50)).isNotEqualTo(windows);
  }

  @Test
  void forStep_randomOfPinnedSeed_isThatOfEveryRelease() {
    assertThat(windows(random(), SEED, 8))
        .extracting(SdeWindow::start)
        .containsExactly(4, 6, 6, 2, 4, 2, 6, 3);
  }

  @Test
  void forStep_progressive_movesOnAndStaysAtTheLastPlace() {
    SamplerConfig sampler = sampler(SdeWindowStrategy.PROGRESSIVE, OptionalInt.of(4), RANGE);

    assertThat(windows(sampler, SEED, 12))
        .extracting(SdeWindow::start)
        .containsExactly(2, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4);
    assertThat(SdeWindows.forStep(sampler, SEED, Integer.MAX_VALUE)).isEqualTo(new SdeWindow(4, 4));
  }

  @Test
  void forStep_windowWithoutAPlace_isAnError() {
    for (SdeWindowStrategy strategy : SdeWindowStrategy.values()) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> SdeWindows.forStep(sampler(strategy, OptionalInt.of(7), RANGE), SEED, 0))
          .withMessage(
              "sampler.sdeWindowSize: 7 (expected: at most 6, the denoising steps [2, 8) that may be"
                  + " stochastic)");
    }
  }

  @Test
  void forStep_wholeOfASmallerWindow_isAnError() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                SdeWindows.forStep(
                    sampler(SdeWindowStrategy.WHOLE, OptionalInt.of(2), RANGE), SEED, 0))
        .withMessage(
            "sampler.sdeWindowSize: 2 (expected: with WHOLE 6, the denoising steps [2, 8) that may be"
                + " stochastic)");
  }

  @Test
  void sampling_sampler_carriesEverySetting() {
    assertThat(SdeWindows.sampling(random(), SEED, 3))
        .isEqualTo(new Sampling(10, 4.5, SdeType.CPS, 0.7, SdeWindows.forStep(random(), SEED, 3)));
  }

  @Test
  void validation_isWithoutNoiseAndGuidedAsTheSampler() {
    assertThat(SdeWindows.validation(new ValidationConfig(32, 4, 20, 42), random()))
        .isEqualTo(new Sampling(20, 4.5, SdeType.ODE, 0, SdeWindow.NONE));
  }

  private static List<SdeWindow> windows(SamplerConfig sampler, long runSeed, int steps) {
    return IntStream.range(0, steps)
        .mapToObj(step -> SdeWindows.forStep(sampler, runSeed, step))
        .toList();
  }

  private static SamplerConfig random() {
    return sampler(SdeWindowStrategy.RANDOM, OptionalInt.of(2), RANGE);
  }

  private static SamplerConfig sampler(
      SdeWindowStrategy strategy, OptionalInt size, Optional<IntRange> range) {
    return new SamplerConfig(10, 4.5, SdeType.CPS, 0.7, size, range, strategy, 3);
  }
}
