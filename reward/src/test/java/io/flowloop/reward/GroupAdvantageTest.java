package io.flowloop.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.GsonBuilder;
import io.flowloop.config.AdvantageScale;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class GroupAdvantageTest {

  /** Rewards of equal groups and what flow_grpo makes of them. */
  record Golden(boolean globalStd, int groupSize, double[] rewards, double[] advantages) {}

  @ParameterizedTest
  @MethodSource("golden")
  void of_goldenRewards_areTheGoldenAdvantages(Golden golden) {
    AdvantageScale scale =
        golden.globalStd() ? AdvantageScale.GLOBAL_STD : AdvantageScale.GROUP_STD;
    int[] groups =
        IntStream.range(0, golden.rewards().length).map(row -> row / golden.groupSize()).toArray();

    assertThat(new GroupAdvantage(scale, 5).of(golden.rewards(), groups))
        .containsExactly(golden.advantages(), within(1e-9));
  }

  @Test
  void of_scaleNone_isTheDifferenceFromTheMean() {
    assertThat(
            new GroupAdvantage(AdvantageScale.NONE, 5)
                .of(new double[] {1, 3, 10}, new int[] {0, 0, 7}))
        .containsExactly(-1, 1, 5);
  }

  @ParameterizedTest
  @EnumSource(
      value = AdvantageScale.class,
      names = {"GLOBAL_STD", "GROUP_STD"})
  void of_groupOfOne_countsAgainstMeanZeroAndStdOne(AdvantageScale scale) {
    assertThat(new GroupAdvantage(scale, 5).of(new double[] {0.5, 1, 2}, new int[] {0, 1, 1})[0])
        .isCloseTo(0.5 / 1.0001, within(1e-12));
  }

  @ParameterizedTest
  @EnumSource(AdvantageScale.class)
  void of_equalRewardsInAGroup_areExactlyZero(AdvantageScale scale) {
    double[] rewards = {0.1, 0.1, 0.1, 0.7, 0.2, 0.3};

    assertThat(new GroupAdvantage(scale, 5).of(rewards, new int[] {0, 0, 0, 1, 1, 1}))
        .startsWith(0, 0, 0);
  }

  @Test
  void of_farFromTheGroup_isClamped() {
    double[] rewards = new double[100];
    rewards[7] = 1;

    double[] advantages = GroupAdvantage.standard().of(rewards, new int[100]);

    assertThat(advantages[7]).isEqualTo(5);
  }

  @Test
  void of_rowsOfGroupsMixed_areThoseOfAdjacentRows() {
    GroupAdvantage advantage = GroupAdvantage.standard();
    double[] adjacent = advantage.of(new double[] {1, 2, 5, 9}, new int[] {0, 0, 1, 1});

    assertThat(advantage.of(new double[] {1, 5, 2, 9}, new int[] {0, 1, 0, 1}))
        .containsExactly(adjacent[0], adjacent[2], adjacent[1], adjacent[3]);
  }

  @Test
  void new_limitNotAboveZero_isAnError() {
    for (double limit : new double[] {0, -1, Double.NaN}) {
      assertThatExceptionOfType(IllegalArgumentException.class)
          .isThrownBy(() -> new GroupAdvantage(AdvantageScale.NONE, limit));
    }
  }

  private static Golden[] golden() throws Exception {
    try (Reader json =
        new InputStreamReader(
            Objects.requireNonNull(
                GroupAdvantageTest.class.getResourceAsStream("/golden/advantages.json")),
            StandardCharsets.UTF_8)) {
      return new GsonBuilder()
          .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
          .create()
          .fromJson(json, Golden[].class);
    }
  }
}
