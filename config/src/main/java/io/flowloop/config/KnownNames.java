package io.flowloop.config;

import java.util.Set;

/**
 * The names that a configuration may use for things which plug in from outside this module.
 *
 * @param rewardFunctions legal keys below {@code reward.functions}
 * @param agentLoops legal values of {@code rollout.agentLoop}
 * @param trackers legal values in {@code trainer.trackers}
 */
public record KnownNames(
    Set<String> rewardFunctions, Set<String> agentLoops, Set<String> trackers) {

  public KnownNames {
    rewardFunctions = Set.copyOf(rewardFunctions);
    agentLoops = Set.copyOf(agentLoops);
    trackers = Set.copyOf(trackers);
  }
}
