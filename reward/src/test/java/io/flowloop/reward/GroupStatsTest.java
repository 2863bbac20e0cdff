package io.flowloop.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Map;
import org.junit.jupiter.api.Test;

class GroupStatsTest {

  @Test
  void of_rewards_hasThePopulationStd() {
    assertThat(GroupStats.of(1, 3, 1, 3)).isEqualTo(new GroupStats(4, 2, 1));
  }

  @Test
  void of_equalRewards_hasNoStdAtAll() {
    assertThat(GroupStats.of(0.1, 0.1, 0.1)).isEqualTo(new GroupStats(3, 0.1, 0));
  }

  @Test
  void of_none_isAnError() {
    assertThatExceptionOfType(IllegalArgumentException.class).isThrownBy(GroupStats::of);
  }

  @Test
  void byGroup_rowsInAnyOrder_keepsTheOrderOfFirstRows() {
    assertThat(GroupStats.byGroup(new double[] {5, 1, 7, 1}, new int[] {9, 4, 9, 4}))
        .containsExactly(
            Map.entry(9, new GroupStats(2, 6, 1)), Map.entry(4, new GroupStats(2, 1, 0)));
  }

  @Test
  void byGroup_groupsOfOtherLength_isAnError() {
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> GroupStats.byGroup(new double[3], new int[2]))
        .withMessageContaining("2")
        .withMessageContaining("3");
  }
}
