package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.config.IntRange;
import io.flowloop.config.SamplerConfig;
import io.flowloop.config.SdeType;
import io.flowloop.config.SdeWindowStrategy;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.SdeWindow;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class SdeWindowsTest {

  @Test
  void forStep_nothingSet_isAllButTheLastStep() {
    assertThat(SdeWindows.forStep(sampler(OptionalInt.empty(), Optional.empty()), 0))
        .isEqualTo(SdeWindow.whole(10));
  }

  @Test
  void forStep_sizeAndRange_liesAtTheStartOfTheRange() {
    assertThat(SdeWindows.forStep(sampler(OptionalInt.of(2), Optional.of(new IntRange(1, 5))), 7))
        .isEqualTo(new SdeWindow(1, 2));
  }

  @Test
  void forStep_rangeThatHoldsTheLastStep_leavesItOut() {
    assertThat(
            SdeWindows.forStep(sampler(OptionalInt.empty(), Optional.of(new IntRange(4, 10))), 0))
        .isEqualTo(new SdeWindow(4, 5));
  }

  @Test
  void sampling_sampler_carriesEverySetting() {
    assertThat(SdeWindows.sampling(sampler(OptionalInt.of(3), Optional.empty()), 0))
        .isEqualTo(new Sampling(10, 4.5, SdeType.CPS, 0.7, new SdeWindow(0, 3)));
  }

  private static SamplerConfig sampler(OptionalInt size, Optional<IntRange> range) {
    return new SamplerConfig(10, 4.5, SdeType.CPS, 0.7, size, range, SdeWindowStrategy.RANDOM, 25);
  }
}
