package io.flowloop.agentloop.bench;

import io.flowloop.config.FlowLoopConfig;
import java.util.List;
import java.util.stream.Stream;

/**
 * What a benchmark measures.
 *
 * @param config all settings but {@code rollout.n} and {@code rollout.enableBatchedDiffusion},
 *     which the cells have of their own
 * @param prompts B texts, 1 or more; every iteration draws images of all of them
 * @param rows images of each prompt, one number for each row of the tables, 1 or more each
 * @param ways in the order in which they take their turns, 1 or more
 * @param modes likewise, within a way
 * @param warmUp iterations of each cell before those that count, 0 or more
 * @param iterations of each cell, 0 or more
 */
public record BenchSpec(
    FlowLoopConfig config,
    List<String> prompts,
    List<Integer> rows,
    List<Way> ways,
    List<Mode> modes,
    int warmUp,
    int iterations) {

  /**
   * @throws IllegalArgumentException if there is nothing to draw or a number is out of range
   */
  public BenchSpec {
    prompts = List.copyOf(prompts);
    rows = List.copyOf(rows);
    ways = List.copyOf(ways);
    modes = List.copyOf(modes);
    if (Stream.of(prompts, rows, ways, modes).anyMatch(List::isEmpty)) {
      throw new IllegalArgumentException(
          "prompts %s, rows %s, ways %s, modes %s (expected: at least one of each)"
              .formatted(prompts, rows, ways, modes));
    }
    if (rows.stream().anyMatch(n -> n < 1) || warmUp < 0 || iterations < 0) {
      throw new IllegalArgumentException(
          "rows %s, warm-up %d, iterations %d (expected: rows of 1 or more, the others 0 or more)"
              .formatted(rows, warmUp, iterations));
    }
  }

  /** The cells of one number of rows, in the order of their turns. */
  public List<Cell> cells(int n) {
    return ways.stream()
        .flatMap(way -> modes.stream().map(mode -> new Cell(n, way, mode)))
        .toList();
  }

  /** Images of one iteration of a cell. */
  public int images(Cell cell) {
    return prompts.size() * cell.rows();
  }

  /** Images of the whole benchmark, warm-up included. */
  public long images() {
    return rows.stream().mapToLong(Integer::longValue).sum()
        * prompts.size()
        * ways.size()
        * modes.size()
        * (warmUp + iterations);
  }

  /** The settings of a cell. */
  FlowLoopConfig config(Cell cell) {
    return config.with(
        config.rollout().withGroups(cell.rows(), cell.mode().isBatched()), config.reward());
  }
}
