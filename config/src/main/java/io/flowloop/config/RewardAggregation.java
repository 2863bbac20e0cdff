package io.flowloop.config;

/** How several rewards of one sample become one advantage. */
public enum RewardAggregation {
  /** Their weighted sum is compared within the group. */
  WEIGHTED_SUM,
  /**
   * Each is normalised within its group; the weighted sum of those is normalised over the batch.
   */
  GDPO
}
