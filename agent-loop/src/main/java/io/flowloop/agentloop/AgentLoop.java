package io.flowloop.agentloop;

import io.flowloop.rollout.RewardedSample;
import java.util.Map;

/**
 * What stands between a prompt of the data set and the engine, and between a sample and its record.
 *
 * <p>Found by {@link java.util.ServiceLoader}: name the class in {@code
 * META-INF/services/io.flowloop.agentloop.AgentLoop} and set {@code rollout.agentLoop} to its name.
 * One instance serves all workers at once, on threads that must not block.
 */
public interface AgentLoop {

  /** The value of {@code rollout.agentLoop} that selects it. */
  String name();

  /**
   * The text that the engine draws. Rewards are still asked about {@code prompt}.
   *
   * <p>A function of the prompt alone: rows of one group that differ are not batched.
   */
  default String engineText(String prompt) {
    return prompt;
  }

  /** What else to record of a sample, by name. */
  default Map<String, String> extraFields(RewardedSample sample) {
    return Map.of();
  }
}
