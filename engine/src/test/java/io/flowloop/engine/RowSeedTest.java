package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RowSeedTest {

  @Test
  void of_rowsAndStepsOfARun_neverShareASeed() {
    Set<Long> seeds = new HashSet<>();
    for (int step = 0; step < 50; step++) {
      for (int row = 0; row < 2000; row++) {
        seeds.add(RowSeed.of(42, step, row).seed());
      }
    }
    assertThat(seeds).hasSize(100_000);
  }

  @Test
  void of_otherRunSeed_givesOtherSeeds() {
    assertThat(RowSeed.of(1, 0, 0).seed()).isNotEqualTo(RowSeed.of(2, 0, 0).seed());
  }

  @Test
  void of_knownRow_keepsItsSeedFromReleaseToRelease() {
    assertThat(RowSeed.of(42, 0, 0)).isEqualTo(new RowSeed(0, 6332618229526065668L));
  }

  @Test
  void create_negativeRow_isRefused() {
    assertThatThrownBy(() -> new RowSeed(-1, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("row: -1 (expected: 0 or more)");
  }
}
