package io.flowloop.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.flowloop.config.AdvantageConfig;
import io.flowloop.config.AdvantageScale;
import io.flowloop.config.RewardAggregation;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class AdvantagesTest {

  /** Scores of a function of wide spread and of one of narrow spread, of one group. */
  private static final double[] WIDE = {1000, 1000, 0, 0};

  private static final double[] NARROW = {0, 1, 0, 1};
  private static final int[] ONE_GROUP = new int[4];

  @Test
  void of_gdpo_isTheNormalisedSumOfNormalisedRewards() {
    // Means 500 and 1/2, stds 500 and 1/2; the sums of ±wide and ±narrow have the mean 0.
    double wide = 500 / (500 + 1e-4);
    double narrow = 0.5 / (0.5 + 1e-4);
    double less = wide - narrow;
    double more = wide + narrow;
    double scale = Math.sqrt((2 * less * less + 2 * more * more) / 4) + 1e-4;

    assertThat(advantages(RewardAggregation.GDPO, 1, 1).of(rewards(1, 1), ONE_GROUP))
        .containsExactly(
            new double[] {less / scale, more / scale, -more / scale, -less / scale}, within(1e-12));
  }

  @Test
  void of_gdpoOfSeveralGroups_normalisesEachRewardInItsOwnGroupOnly() {
    double[] scores = {1, 3, 10, 70};
    List<Reward> rewards =
        Arrays.stream(scores).mapToObj(score -> new Reward(score, Map.of("wide", score))).toList();
    // Stds of the groups 1 and 30, so normalised ±1 / 1.0001 and ±30 / 30.0001.
    double first = 1 / 1.0001;
    double second = 30 / 30.0001;
    double scale = Math.sqrt((first * first + second * second) / 2) + 1e-4;

    assertThat(
            Advantages.of(config(RewardAggregation.GDPO), Map.of("wide", 1.0))
                .of(rewards, new int[] {8, 8, 3, 3}))
        .containsExactly(
            new double[] {-first / scale, first / scale, -second / scale, second / scale},
            within(1e-12));
  }

  @Test
  void of_scoresOfUnequalSpread_areDrownedInTheSumAndHeardByGdpo() {
    double[] sum = advantages(RewardAggregation.WEIGHTED_SUM, 1, 1).of(rewards(1, 1), ONE_GROUP);
    double[] gdpo = advantages(RewardAggregation.GDPO, 1, 1).of(rewards(1, 1), ONE_GROUP);

    assertThat(sum[1] - sum[0]).isPositive().isLessThan(0.01);
    assertThat(gdpo[1] - gdpo[0]).isGreaterThan(1.4);
  }

  @Test
  void of_gdpoWeights_decideBetweenTheFunctions() {
    double[] narrowFirst = advantages(RewardAggregation.GDPO, 1, 3).of(rewards(1, 3), ONE_GROUP);

    // 1 − 3, 1 + 3, −1 − 3 and −1 + 3
    assertThat(narrowFirst[3]).isPositive();
    assertThat(narrowFirst[0]).isNegative();
    assertThat(narrowFirst[1]).isEqualTo(-narrowFirst[2], within(1e-12));
  }

  @ParameterizedTest
  @MethodSource("everyConfig")
  void of_betterThanItsGroup_isAboveZeroAndOfAPenaltyBelow(AdvantageConfig config) {
    double[] scores = {0.2, 0.6, 0.9, 0.3};
    int[] groups = {0, 0, 1, 1};
    List<Reward> gains = single(scores, 1);
    List<Reward> penalties = single(scores, -1);

    double[] gain = Advantages.of(config, Map.of("ocr", 1.0)).of(gains, groups);
    double[] penalty = Advantages.of(config, Map.of("ocr", -1.0)).of(penalties, groups);

    assertThat(gain[0]).isNegative();
    assertThat(gain[1]).isPositive();
    assertThat(gain[2]).isPositive();
    assertThat(gain[3]).isNegative();
    for (int row = 0; row < scores.length; row++) {
      assertThat(penalty[row]).isEqualTo(-gain[row], within(1e-12));
    }
  }

  @ParameterizedTest
  @EnumSource(AdvantageScale.class)
  void of_weightedSum_isTheGroupAdvantageOfTheTotals(AdvantageScale scale) {
    AdvantageConfig config = new AdvantageConfig(scale, 1.2, RewardAggregation.WEIGHTED_SUM);

    assertThat(Advantages.of(config, weights(1, 2)).of(rewards(1, 2), ONE_GROUP))
        .containsExactly(
            new GroupAdvantage(scale, 1.2).of(new double[] {1000, 1002, 0, 2}, ONE_GROUP));
  }

  @ParameterizedTest
  @MethodSource("everyConfig")
  void of_groupsOfEqualRewards_teachNothing(AdvantageConfig config) {
    List<Reward> rewards = single(new double[] {0.1, 0.1, 0.1, 0.7, 0.7, 0.7}, 1);

    assertThat(Advantages.of(config, Map.of("ocr", 1.0)).of(rewards, new int[] {0, 0, 0, 1, 1, 1}))
        .containsOnly(0);
  }

  @Test
  void of_gdpoFarFromTheBatch_isClamped() {
    double[] scores = new double[100];
    scores[7] = 1;

    assertThat(
            Advantages.of(config(RewardAggregation.GDPO), Map.of("ocr", 1.0))
                .of(single(scores, 1), new int[100])[7])
        .isEqualTo(5);
  }

  @Test
  void of_rewardWithoutAWeighedPart_isAnErrorThatNamesIt() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                Advantages.of(config(RewardAggregation.GDPO), Map.of("jpeg", 1.0))
                    .of(single(new double[] {0.5}, 1), new int[1]))
        .withMessage("parts of a reward: {ocr=0.5} (expected: a score of jpeg among them)");
  }

  private static Stream<AdvantageConfig> everyConfig() {
    return Arrays.stream(AdvantageScale.values())
        .flatMap(
            scale ->
                Arrays.stream(RewardAggregation.values())
                    .map(aggregation -> new AdvantageConfig(scale, 5, aggregation)));
  }

  private static AdvantageConfig config(RewardAggregation aggregation) {
    return new AdvantageConfig(AdvantageScale.GLOBAL_STD, 5, aggregation);
  }

  private static Advantages advantages(RewardAggregation aggregation, double wide, double narrow) {
    return Advantages.of(config(aggregation), weights(wide, narrow));
  }

  private static Map<String, Double> weights(double wide, double narrow) {
    return Map.of("wide", wide, "narrow", narrow);
  }

  private static List<Reward> rewards(double wide, double narrow) {
    return IntStream.range(0, WIDE.length)
        .mapToObj(
            row ->
                new Reward(
                    wide * WIDE[row] + narrow * NARROW[row],
                    Map.of("wide", WIDE[row], "narrow", NARROW[row])))
        .toList();
  }

  private static List<Reward> single(double[] scores, double weight) {
    return Arrays.stream(scores)
        .mapToObj(score -> new Reward(weight * score, Map.of("ocr", score)))
        .toList();
  }
}
