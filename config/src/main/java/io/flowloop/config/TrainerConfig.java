package io.flowloop.config;

import java.nio.file.Path;
import java.util.List;

/**
 * The training run.
 *
 * @param steps training steps: a rollout and an update each
 * @param validateEvery training steps between two validations
 * @param saveEvery training steps between two checkpoints
 * @param keep checkpoints kept, the newest; the best one is kept beside them
 * @param refillGroups groups that a step may draw anew in place of dropped ones
 * @param journal whether finished groups are kept on disk until a checkpoint covers their step
 * @param trackers names of those who are told how the run goes
 * @param dir where checkpoints, metrics, pictures and the report go
 */
public record TrainerConfig(
    int steps,
    int validateEvery,
    int saveEvery,
    int keep,
    int refillGroups,
    boolean journal,
    List<String> trackers,
    Path dir) {

  public TrainerConfig {
    trackers = List.copyOf(trackers);
  }
}
