package io.flowloop.rollout;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * How rows went into rollout requests, and why some went alone.
 *
 * @param rows all rows
 * @param rowsBatched rows that share a request with others
 * @param requests rollout requests made of them
 * @param reasons why the other rows run singly, each once; empty if all are batched
 */
public record Batching(int rows, int rowsBatched, int requests, List<String> reasons) {

  public static final Batching NONE = new Batching(0, 0, 0, List.of());

  /** Reasons that {@link #toString} spells out. */
  private static final int REASONS_SHOWN = 3;

  public Batching {
    reasons = List.copyOf(reasons);
  }

  /** Both together. */
  public Batching plus(Batching other) {
    Set<String> all = new LinkedHashSet<>(reasons);
    all.addAll(other.reasons);
    return new Batching(
        rows + other.rows,
        rowsBatched + other.rowsBatched,
        requests + other.requests,
        List.copyOf(all));
  }

  /** One line for people: {@code batched 128/128 rows in 8 requests}, or why not. */
  @Override
  public String toString() {
    String line = "batched %d/%d rows in %d requests".formatted(rowsBatched, rows, requests);
    return reasons.isEmpty() ? line : line + " (" + shownReasons() + ")";
  }

  private String shownReasons() {
    List<String> shown =
        new ArrayList<>(reasons.subList(0, Math.min(REASONS_SHOWN, reasons.size())));
    if (reasons.size() > REASONS_SHOWN) {
      shown.add("and %d more".formatted(reasons.size() - REASONS_SHOWN));
    }
    return String.join("; ", shown);
  }
}
