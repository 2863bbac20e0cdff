package io.flowloop.agentloop;

import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.RewardedSample;

/**
 * Is told how a rollout goes, one call at a time, from a thread that must not block. What it throws
 * fails the rollout.
 */
public interface RolloutListener {

  /** Hears nothing. */
  RolloutListener NONE = new RolloutListener() {};

  /**
   * A sample has its reward. Samples come in any order, and those of a group dropped later are
   * among them.
   *
   * @param done samples told so far, this one included
   * @param rows rows of the rollout
   */
  default void onSample(RewardedSample sample, int done, int rows) {}

  /** A group will be missing from the batch. */
  default void onDroppedGroup(DroppedGroup group) {}
}
