package io.flowloop.rollout;

import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.Sampling;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** From prompts to rows, from rows to workers, and from rows to rollout requests; all pure. */
public final class RolloutRows {

  private RolloutRows() {}

  /**
   * The N = B·n rows p0 p0 … p1 p1 … of B prompts.
   *
   * @param n rows of each prompt, 1 or more
   * @param runSeed the run's seed; with {@code step} and a row's index it gives the row's seed
   * @param step the training step, 0-based
   */
  public static List<RolloutRow> repeatInterleaved(
      List<String> prompts, int n, long runSeed, int step) {
    return repeatInterleaved(prompts, n, runSeed, step, 0, 0);
  }

  /**
   * The rows of B prompts behind other rows of the same step: they go on with its groups and rows,
   * so that no row of a step is there twice and no two share a seed.
   *
   * @param firstGroup groups before these, 0 or more
   * @param firstRow rows before these, 0 or more
   */
  public static List<RolloutRow> repeatInterleaved(
      List<String> prompts, int n, long runSeed, int step, int firstGroup, int firstRow) {
    List<RolloutRow> rows = new ArrayList<>(prompts.size() * n);
    for (int prompt = 0; prompt < prompts.size(); prompt++) {
      for (int i = 0; i < n; i++) {
        int index = firstRow + prompt * n + i;
        rows.add(
            new RolloutRow(
                index, firstGroup + prompt, prompts.get(prompt), RowSeed.of(runSeed, step, index)));
      }
    }
    return List.copyOf(rows);
  }

  /**
   * Rows cut into at most {@code workers} consecutive chunks of about the same size, in their order
   * and only where no group is cut. Rows out of order may leave nowhere to cut: one chunk then.
   */
  public static List<List<RolloutRow>> chunks(List<RolloutRow> rows, int workers) {
    if (workers < 1) {
      throw new IllegalArgumentException("workers: " + workers + " (expected: 1 or more)");
    }
    Map<Integer, Integer> lastOfGroup = new HashMap<>();
    for (int i = 0; i < rows.size(); i++) {
      lastOfGroup.put(rows.get(i).group(), i);
    }
    List<List<RolloutRow>> chunks = new ArrayList<>();
    int start = 0;
    int border = 0;
    for (int i = 0; i < rows.size(); i++) {
      border = Math.max(border, lastOfGroup.getOrDefault(rows.get(i).group(), i));
      long dueNow = (long) (chunks.size() + 1) * rows.size();
      if (border == i && (long) (i + 1) * workers >= dueNow) {
        chunks.add(List.copyOf(rows.subList(start, i + 1)));
        start = i + 1;
      }
    }
    return chunks;
  }

  /**
   * Rows cut into rollout requests: one a group, or one a row.
   *
   * <p>A group is batched only if its rows lie side by side and have one prompt; any other runs
   * singly and is reported. Either way a row's sample is the same.
   *
   * @param enableBatchedDiffusion whether a group makes one request; off, each row makes its own
   */
  public static RequestPlan requests(
      List<RolloutRow> rows, boolean enableBatchedDiffusion, Sampling sampling) {
    List<List<RolloutRow>> runs = runsOfOneGroup(rows);
    Set<Integer> scattered = groupsWithSeveralRuns(runs);
    List<RolloutRequest> requests = new ArrayList<>();
    Set<String> reasons = new LinkedHashSet<>();
    int batched = 0;
    for (List<RolloutRow> run : runs) {
      Optional<String> reason = whySingly(run, enableBatchedDiffusion, scattered);
      if (reason.isEmpty()) {
        requests.add(request(run, sampling));
        batched += run.size();
      } else {
        reasons.add(reason.get());
        run.forEach(row -> requests.add(request(List.of(row), sampling)));
      }
    }
    return new RequestPlan(
        requests, new Batching(rows.size(), batched, requests.size(), List.copyOf(reasons)));
  }

  private static List<List<RolloutRow>> runsOfOneGroup(List<RolloutRow> rows) {
    List<List<RolloutRow>> runs = new ArrayList<>();
    int start = 0;
    for (int i = 1; i <= rows.size(); i++) {
      if (i == rows.size() || rows.get(i).group() != rows.get(start).group()) {
        runs.add(rows.subList(start, i));
        start = i;
      }
    }
    return runs;
  }

  private static Set<Integer> groupsWithSeveralRuns(List<List<RolloutRow>> runs) {
    Set<Integer> seen = new HashSet<>();
    Set<Integer> several = new HashSet<>();
    for (List<RolloutRow> run : runs) {
      int group = run.getFirst().group();
      if (!seen.add(group)) {
        several.add(group);
      }
    }
    return several;
  }

  private static Optional<String> whySingly(
      List<RolloutRow> run, boolean enableBatchedDiffusion, Set<Integer> scattered) {
    RolloutRow first = run.getFirst();
    if (!enableBatchedDiffusion) {
      return Optional.of("rollout.enableBatchedDiffusion is off");
    }
    if (scattered.contains(first.group())) {
      return Optional.of("the rows of group " + first.group() + " are not adjacent");
    }
    if (!run.stream().allMatch(row -> row.prompt().equals(first.prompt()))) {
      return Optional.of("the rows of group " + first.group() + " differ in prompt");
    }
    if (run.size() == 1) {
      return Optional.of("a group of one row has nothing to batch");
    }
    return Optional.empty();
  }

  private static RolloutRequest request(List<RolloutRow> rows, Sampling sampling) {
    return new RolloutRequest(
        rows.getFirst().prompt(), rows.stream().map(RolloutRow::seed).toList(), sampling);
  }
}
