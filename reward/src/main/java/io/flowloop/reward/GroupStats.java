package io.flowloop.reward;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.DoubleStream;

/**
 * Mean and spread of the rewards of one group.
 *
 * @param size samples of the group
 * @param mean mean reward
 * @param std population standard deviation; exactly 0 when all rewards are equal, which teaches
 *     nothing
 */
public record GroupStats(int size, double mean, double std) {

  /**
   * The statistics of some rewards.
   *
   * @param rewards at least one
   */
  public static GroupStats of(double... rewards) {
    if (rewards.length == 0) {
      throw new IllegalArgumentException("rewards: none (expected: at least one)");
    }
    // Relative to the first reward, so that the mean of equal rewards is that reward exactly.
    double first = rewards[0];
    double mean = first + DoubleStream.of(rewards).map(r -> r - first).sum() / rewards.length;
    double variance =
        DoubleStream.of(rewards).map(r -> (r - mean) * (r - mean)).sum() / rewards.length;
    return new GroupStats(rewards.length, mean, Math.sqrt(variance));
  }

  /**
   * The statistics of each group, in the order of their first rewards.
   *
   * @param rewards one for each row
   * @param groups the group of each row
   */
  public static Map<Integer, GroupStats> byGroup(double[] rewards, int[] groups) {
    if (rewards.length != groups.length) {
      throw new IllegalArgumentException(
          "groups: of %d rows (expected: of %d, as there are rewards)"
              .formatted(groups.length, rewards.length));
    }
    Map<Integer, DoubleStream.Builder> byGroup = new LinkedHashMap<>();
    for (int row = 0; row < rewards.length; row++) {
      byGroup.computeIfAbsent(groups[row], group -> DoubleStream.builder()).add(rewards[row]);
    }
    Map<Integer, GroupStats> stats = new LinkedHashMap<>();
    byGroup.forEach((group, all) -> stats.put(group, of(all.build().toArray())));
    return stats;
  }
}
