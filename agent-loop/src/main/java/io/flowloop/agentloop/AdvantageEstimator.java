package io.flowloop.agentloop;

import io.flowloop.rollout.RewardedSample;
import java.util.List;

/** From the rewards of a rollout batch to advantages; a pure function. */
@FunctionalInterface
interface AdvantageEstimator {

  /**
   * How much better than its group each sample did.
   *
   * @param samples whole groups, in row order
   * @return one finite number for each sample, in their order
   */
  double[] of(List<RewardedSample> samples);
}
