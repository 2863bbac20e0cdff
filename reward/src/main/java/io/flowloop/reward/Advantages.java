package io.flowloop.reward;

import io.flowloop.config.AdvantageConfig;
import io.flowloop.config.AdvantageScale;
import io.flowloop.config.RewardAggregation;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.DoubleStream;

/** How the rewards of a step become advantages, be they of one function or of several. */
public final class Advantages {

  /*
   * weightedSum compares r = Σ w_k r_k as GroupAdvantage says. gdpo [1]:
   *   A_k = (r_k − mean of the group) / (std of the group + 1e-4), for each function k
   *   S   = Σ w_k A_k
   *   A   = (S − mean of the batch) / (std of the batch + 1e-4), within ±limit
   * so that a function counts by its weight, whatever the spread of its scores.
   *
   * [1] GDPO, arXiv:2601.05242
   */

  /** Normalises within the group, without a limit. */
  private static final GroupAdvantage NORMALISED =
      new GroupAdvantage(AdvantageScale.GROUP_STD, Double.POSITIVE_INFINITY);

  private final RewardAggregation aggregation;
  private final GroupAdvantage group;
  private final Map<String, Double> weights;

  private Advantages(AdvantageConfig config, Map<String, Double> weights) {
    this.aggregation = config.aggregation();
    this.group = new GroupAdvantage(config.scale(), config.clamp());
    this.weights = new TreeMap<>(weights);
  }

  /**
   * Advantages by these settings.
   *
   * @param weights of each reward function, as in {@code reward.functions}
   */
  public static Advantages of(AdvantageConfig config, Map<String, Double> weights) {
    return new Advantages(config, weights);
  }

  /**
   * The advantage of each row.
   *
   * @param rewards one for each row, at least one
   * @param groups the group of each row; rows of a group need not be adjacent
   * @throws IllegalArgumentException if there is no row, not a group for each, or a reward lacks
   *     the score of a function that has a weight
   */
  public double[] of(List<Reward> rewards, int[] groups) {
    return switch (aggregation) {
      case WEIGHTED_SUM -> group.of(rewards.stream().mapToDouble(Reward::total).toArray(), groups);
      case GDPO -> normalise(sums(rewards, groups));
    };
  }

  /** S, one for each row. */
  private double[] sums(List<Reward> rewards, int[] groups) {
    double[] sums = new double[rewards.size()];
    weights.forEach(
        (name, weight) -> {
          double[] scores = rewards.stream().mapToDouble(reward -> score(reward, name)).toArray();
          double[] advantages = NORMALISED.of(scores, groups);
          for (int row = 0; row < sums.length; row++) {
            sums[row] += weight * advantages[row];
          }
        });
    return sums;
  }

  private double[] normalise(double[] sums) {
    GroupStats batch = GroupStats.of(sums);
    double scale = batch.std() + GroupAdvantage.EPSILON;
    return DoubleStream.of(sums)
        .map(sum -> Math.clamp((sum - batch.mean()) / scale, -group.limit(), group.limit()))
        .toArray();
  }

  private static double score(Reward reward, String name) {
    return Optional.ofNullable(reward.parts().get(name))
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "parts of a reward: %s (expected: a score of %s among them)"
                        .formatted(reward.parts(), name)));
  }
}
