package io.flowloop.rollout;

import io.flowloop.engine.RowSeed;

/**
 * One row of a rollout: a prompt and the seed that one image of it is drawn from.
 *
 * @param index global index after the interleaved repeat, 0-based
 * @param group index of the row's prompt among the prompts of the step, 0-based
 * @param prompt the text to draw
 * @param seed the row's seed; carries the same index
 */
public record RolloutRow(int index, int group, String prompt, RowSeed seed) {

  public RolloutRow {
    if (group < 0) {
      throw new IllegalArgumentException("group: " + group + " (expected: 0 or more)");
    }
    if (seed.row() != index) {
      throw new IllegalArgumentException(
          "seed of row %d (expected: of row %d)".formatted(seed.row(), index));
    }
  }

  /** The same row with another text. */
  public RolloutRow withPrompt(String text) {
    return new RolloutRow(index, group, text, seed);
  }
}
