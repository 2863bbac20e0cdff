package io.flowloop.rollout;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * What one rollout brought: whole groups with all their rewarded samples, and the groups dropped.
 *
 * @param step the training step, 0-based
 * @param groups in order of their index, samples in row order
 * @param dropped in order of their index
 * @param batching how the rows went into requests
 * @param elapsed wall time from the first request to the last reward, without the start of engines
 */
public record RolloutBatch(
    int step,
    List<RolloutGroup> groups,
    List<DroppedGroup> dropped,
    Batching batching,
    Duration elapsed) {

  public RolloutBatch {
    groups = groups.stream().sorted(Comparator.comparingInt(RolloutGroup::index)).toList();
    dropped = dropped.stream().sorted(Comparator.comparingInt(DroppedGroup::index)).toList();
  }

  /** All rewarded samples in row order. */
  public List<RewardedSample> samples() {
    return groups.stream().flatMap(group -> group.samples().stream()).toList();
  }

  /**
   * This batch, if it accounts for each of these rows exactly once, as a sample or as dropped.
   *
   * @throws RolloutException if a row is missing, there twice or foreign
   */
  public RolloutBatch checkedAgainst(List<RolloutRow> rows) {
    List<Integer> expected = rows.stream().map(RolloutRow::index).sorted().toList();
    List<Integer> found =
        Stream.concat(
                samples().stream().map(sample -> sample.row().index()),
                dropped.stream().flatMap(group -> group.rows().stream()))
            .sorted()
            .toList();
    if (!found.equals(expected)) {
      throw new RolloutException(
          "step %d: rows missing: %s, rows not asked for or there twice: %s (expected: every row once)"
              .formatted(step, without(expected, found), without(found, expected)));
    }
    return this;
  }

  /**
   * This batch, if there is anything in it.
   *
   * @throws RolloutException if every group was dropped; it gives the cause of the first
   */
  public RolloutBatch requireGroups() {
    if (groups.isEmpty()) {
      throw new RolloutException(
          "all %d groups failed, one of them".formatted(dropped.size()),
          dropped.getFirst().cause());
    }
    return this;
  }

  /** Both together, one drawn after the other in the same training step. */
  public RolloutBatch plus(RolloutBatch other) {
    return new RolloutBatch(
        step,
        Stream.concat(groups.stream(), other.groups.stream()).toList(),
        Stream.concat(dropped.stream(), other.dropped.stream()).toList(),
        batching.plus(other.batching),
        elapsed.plus(other.elapsed));
  }

  private static List<Integer> without(List<Integer> rows, List<Integer> others) {
    List<Integer> left = new ArrayList<>(rows);
    others.forEach(left::remove);
    return left;
  }
}
