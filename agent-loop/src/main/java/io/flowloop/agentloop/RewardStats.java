package io.flowloop.agentloop;

import io.flowloop.reward.GroupStats;
import io.flowloop.rollout.RewardedSample;
import java.util.List;
import java.util.stream.DoubleStream;

/**
 * The spread of the rewards of some samples.
 *
 * @param std of the population (ddof 0), as advantages use it; exactly 0 if all are the same
 */
public record RewardStats(double mean, double std, double min, double max) {

  /**
   * The rewards of these samples.
   *
   * @param samples at least one
   */
  public static RewardStats of(List<RewardedSample> samples) {
    double[] rewards = samples.stream().mapToDouble(sample -> sample.reward().total()).toArray();
    GroupStats stats = GroupStats.of(rewards);
    return new RewardStats(
        stats.mean(),
        stats.std(),
        DoubleStream.of(rewards).min().orElseThrow(),
        DoubleStream.of(rewards).max().orElseThrow());
  }
}
