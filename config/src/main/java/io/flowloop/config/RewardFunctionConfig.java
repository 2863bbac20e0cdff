package io.flowloop.config;

/**
 * One reward function's part in the reward.
 *
 * @param weight factor of its score in the sum; below 0 it is a penalty
 */
public record RewardFunctionConfig(double weight) {}
