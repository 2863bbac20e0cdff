package io.flowloop.agentloop;

import io.flowloop.config.RolloutConfig;
import io.flowloop.config.SamplerConfig;
import io.flowloop.engine.Sampling;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import java.util.List;

/**
 * What a rollout is to draw: n samples of each prompt.
 *
 * @param step the training step, 0-based; with the run seed and a row's index it decides all noise
 * @param prompts B texts, 1 or more
 * @param n samples of each prompt, 1 or more
 * @param runSeed seed of the run
 * @param sampling how all samples are drawn
 * @param firstGroup groups of the step that come before these
 * @param firstRow rows of the step that come before these
 */
record RolloutSpec(
    int step,
    List<String> prompts,
    int n,
    long runSeed,
    Sampling sampling,
    int firstGroup,
    int firstRow) {

  /**
   * @throws IllegalArgumentException if there is no prompt or a number is out of range
   */
  RolloutSpec {
    prompts = List.copyOf(prompts);
    if (prompts.isEmpty()) {
      throw new IllegalArgumentException("prompts: [] (expected: at least one)");
    }
    if (n < 1) {
      throw new IllegalArgumentException("n: " + n + " (expected: 1 or more)");
    }
    if (step < 0 || firstGroup < 0 || firstRow < 0) {
      throw new IllegalArgumentException(
          "step %d, first group %d, first row %d (expected: each 0 or more)"
              .formatted(step, firstGroup, firstRow));
    }
  }

  /** The rollout of a training step, as the settings have it. */
  static RolloutSpec of(
      RolloutConfig rollout, SamplerConfig sampler, List<String> prompts, int step) {
    Sampling sampling = SdeWindows.sampling(sampler, rollout.seed(), step);
    return new RolloutSpec(step, prompts, rollout.n(), rollout.seed(), sampling, 0, 0);
  }

  /** The same for other prompts of the same step, whose groups and rows come behind these. */
  RolloutSpec behind(List<String> others) {
    int groups = prompts.size();
    return new RolloutSpec(
        step, others, n, runSeed, sampling, firstGroup + groups, firstRow + groups * n);
  }

  /** Its rows, each with its seed. */
  List<RolloutRow> rows() {
    return RolloutRows.repeatInterleaved(prompts, n, runSeed, step, firstGroup, firstRow);
  }
}
