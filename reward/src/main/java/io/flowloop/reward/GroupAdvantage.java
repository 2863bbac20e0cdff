package io.flowloop.reward;

import static java.util.Objects.requireNonNull;

import io.flowloop.config.AdvantageScale;
import java.util.Map;

/**
 * How much better than its group each sample did.
 *
 * <pre>
 * A = (r − mean of the group) / (std + 1e-4)   [1]
 * A = r − mean of the group                     [2], {@link AdvantageScale#NONE}
 * both clamped to [−limit, limit]
 *
 * [1] Flow-GRPO, arXiv:2505.05470     [2] Dr. GRPO, arXiv:2503.20783
 * </pre>
 *
 * <p>Standard deviations are those of the population. A group of one has nothing to be compared
 * with: its mean counts as 0 and its std as 1.
 *
 * @param scale which standard deviation divides
 * @param limit the largest advantage; infinity for no limit
 */
public record GroupAdvantage(AdvantageScale scale, double limit) {

  /** What a standard deviation is raised by before it divides. */
  static final double EPSILON = 1e-4;

  public GroupAdvantage {
    if (!(limit > 0)) {
      throw new IllegalArgumentException(
          "limit of advantages: %s (expected: above 0)".formatted(limit));
    }
  }

  /** The default: scaled by the std of the rollout batch, within ±5. */
  public static GroupAdvantage standard() {
    return new GroupAdvantage(AdvantageScale.GLOBAL_STD, 5);
  }

  /**
   * The advantage of each row.
   *
   * @param rewards one for each row, finite
   * @param groups the group of each row; rows of a group need not be adjacent
   */
  public double[] of(double[] rewards, int[] groups) {
    double globalStd = GroupStats.of(rewards).std();
    Map<Integer, GroupStats> byGroup = GroupStats.byGroup(rewards, groups);
    double[] advantages = new double[rewards.length];
    for (int row = 0; row < rewards.length; row++) {
      GroupStats group = requireNonNull(byGroup.get(groups[row]));
      advantages[row] = Math.clamp(advantage(rewards[row], group, globalStd), -limit, limit);
    }
    return advantages;
  }

  private double advantage(double reward, GroupStats group, double globalStd) {
    boolean alone = group.size() == 1;
    double difference = alone ? reward : reward - group.mean();
    return switch (scale) {
      case GLOBAL_STD -> difference / ((alone ? 1 : globalStd) + EPSILON);
      case GROUP_STD -> difference / ((alone ? 1 : group.std()) + EPSILON);
      case NONE -> difference;
    };
  }
}
