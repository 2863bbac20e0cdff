package io.flowloop.rollout;

import java.util.List;

/**
 * A group that is missing from a rollout batch because a row of it failed.
 *
 * @param index the group's place among the prompts of the step, 0-based
 * @param prompt the text that was to be drawn
 * @param rows indices of its rows, all of them dropped
 * @param cause names the rows that failed and why
 */
public record DroppedGroup(int index, String prompt, List<Integer> rows, RolloutException cause) {

  public DroppedGroup {
    rows = List.copyOf(rows);
  }
}
