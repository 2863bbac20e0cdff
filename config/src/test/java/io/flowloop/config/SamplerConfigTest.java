package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class SamplerConfigTest {

  @Test
  void window_unset_isAllStepsButTheLast() {
    SamplerConfig sampler = sampler(10, OptionalInt.empty(), Optional.empty());
    assertThat(sampler.stochasticRange()).isEqualTo(new IntRange(0, 9));
    assertThat(sampler.windowSize()).isEqualTo(9);
  }

  @Test
  void window_ofUnsetSize_isItsWholeRange() {
    SamplerConfig sampler = sampler(10, OptionalInt.empty(), Optional.of(new IntRange(2, 5)));
    assertThat(sampler.stochasticRange()).isEqualTo(new IntRange(2, 5));
    assertThat(sampler.windowSize()).isEqualTo(3);
  }

  @Test
  void range_thatNamesTheLastStep_isMadeShorterByIt() {
    SamplerConfig sampler = sampler(10, OptionalInt.of(2), Optional.of(new IntRange(0, 10)));
    assertThat(sampler.stochasticRange()).isEqualTo(new IntRange(0, 9));
    assertThat(sampler.windowSize()).isEqualTo(2);
  }

  @Test
  void window_ofASingleStep_isEmpty() {
    SamplerConfig sampler = sampler(1, OptionalInt.empty(), Optional.empty());
    assertThat(sampler.stochasticRange().length()).isZero();
    assertThat(sampler.windowSize()).isZero();
  }

  private static SamplerConfig sampler(int steps, OptionalInt size, Optional<IntRange> range) {
    return new SamplerConfig(steps, 1, SdeType.SDE, 0.7, size, range, SdeWindowStrategy.RANDOM, 25);
  }
}
