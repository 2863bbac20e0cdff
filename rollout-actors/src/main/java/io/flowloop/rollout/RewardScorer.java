package io.flowloop.rollout;

import io.flowloop.engine.RgbImage;
import io.flowloop.reward.Reward;

/** What a reward actor runs: a pure, possibly slow function, called by several threads at once. */
@FunctionalInterface
public interface RewardScorer {

  /**
   * What an image is worth to the prompt it was drawn for.
   *
   * @throws Exception if it cannot be said; a failure is never a reward of 0
   */
  Reward score(String prompt, RgbImage image) throws Exception;
}
