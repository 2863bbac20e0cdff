package io.flowloop.rollout;

import java.util.List;

/**
 * The n rewarded samples of one prompt.
 *
 * @param index the group's place among the prompts of the step, 0-based
 * @param prompt the text that was drawn
 * @param samples in row order, at least one
 */
public record RolloutGroup(int index, String prompt, List<RewardedSample> samples) {

  public RolloutGroup {
    samples = List.copyOf(samples);
    if (samples.isEmpty()) {
      throw new IllegalArgumentException("group " + index + ": no samples (expected: 1 or more)");
    }
  }
}
