package io.flowloop.config;

/** One reward function's part in the reward, and the settings that it has of its own. */
public sealed interface RewardFunctionConfig permits RewardFunctionConfig.Weighted, VlmOcrConfig {

  /**
   * A function without settings of its own.
   *
   * @param weight see {@link RewardFunctionConfig#weight}
   */
  record Weighted(double weight) implements RewardFunctionConfig {}

  /** Factor of the function's score in the sum; below 0 it is a penalty. */
  double weight();

  /** A function without settings of its own. */
  static RewardFunctionConfig of(double weight) {
    return new Weighted(weight);
  }
}
