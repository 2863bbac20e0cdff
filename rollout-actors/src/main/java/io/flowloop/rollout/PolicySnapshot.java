package io.flowloop.rollout;

import io.flowloop.engine.LearnerState;
import io.flowloop.engine.PolicyWeights;

/**
 * A policy as it was between two updates, in plain memory.
 *
 * @param weights what rollouts are drawn with
 * @param kept what is validated and kept: a running mean, or the same weights
 * @param state what the next update goes on from
 */
public record PolicySnapshot(PolicyWeights weights, PolicyWeights kept, LearnerState state) {

  /** Updates behind it. */
  public long version() {
    return weights.version();
  }
}
