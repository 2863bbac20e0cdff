package io.flowloop.config;

import java.util.Set;

/**
 * The names that a configuration may use for things which plug in from outside this module.
 *
 * @param rewardFunctions legal keys below {@code reward.functions}
 * @param agentLoops legal values of {@code rollout.agentLoop}
 * @param trackers legal values in {@code trainer.trackers}
 * @param models legal values of {@code model.name}
 */
public record KnownNames(
    Set<String> rewardFunctions, Set<String> agentLoops, Set<String> trackers, Set<String> models) {

  public KnownNames {
    rewardFunctions = Set.copyOf(rewardFunctions);
    agentLoops = Set.copyOf(agentLoops);
    trackers = Set.copyOf(trackers);
    models = Set.copyOf(models);
  }

  /** These names, and the models that come with flowloop. */
  public KnownNames(Set<String> rewardFunctions, Set<String> agentLoops, Set<String> trackers) {
    this(rewardFunctions, agentLoops, trackers, Checks.MODELS);
  }

  /** The same with these models. */
  public KnownNames withModels(Set<String> names) {
    return new KnownNames(rewardFunctions, agentLoops, trackers, names);
  }
}
