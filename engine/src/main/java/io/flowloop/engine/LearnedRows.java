package io.flowloop.engine;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Samples that are learned from in one forward, in its order.
 *
 * @param samples all of one SDE window
 */
record LearnedRows(List<TrainingSample> samples) {

  LearnedRows {
    samples = List.copyOf(samples);
  }

  /**
   * Cuts a batch into the rows that shared a forward of the rollout, each as the forward had them.
   * A forward whose other rows are missing has those that are left, and other roundings than it
   * had.
   */
  static List<LearnedRows> asDrawn(List<TrainingSample> batch) {
    Map<Long, List<TrainingSample>> forwards = new LinkedHashMap<>();
    batch.forEach(
        row ->
            forwards
                .computeIfAbsent(row.sample().timings().forward(), _ -> new ArrayList<>())
                .add(row));
    return forwards.values().stream().map(LearnedRows::inOrder).toList();
  }

  private static LearnedRows inOrder(List<TrainingSample> rows) {
    return new LearnedRows(
        rows.stream()
            .sorted(Comparator.comparingInt(row -> row.sample().timings().rowOfForward()))
            .toList());
  }

  /**
   * Cuts a batch into forwards of at most so many rows, however they were drawn. Prompts of another
   * number of tokens begin another forward.
   */
  static List<LearnedRows> of(int rows, List<TrainingSample> batch) {
    List<LearnedRows> all = new ArrayList<>();
    int from = 0;
    for (int to = 1; to <= batch.size(); to++) {
      if (to == batch.size()
          || to - from == rows
          || tokens(batch.get(to)) != tokens(batch.get(from))) {
        all.add(new LearnedRows(batch.subList(from, to)));
        from = to;
      }
    }
    return all;
  }

  private static int tokens(TrainingSample row) {
    return row.sample().promptEmbedding().tokens();
  }

  /** Cuts forwards into mini-batches of at least so many samples each, but for the last. */
  static List<List<LearnedRows>> miniBatches(int samples, List<LearnedRows> forwards) {
    List<List<LearnedRows>> all = new ArrayList<>();
    List<LearnedRows> open = new ArrayList<>();
    int held = 0;
    for (LearnedRows rows : forwards) {
      open.add(rows);
      held += rows.size();
      if (held >= samples) {
        all.add(List.copyOf(open));
        open.clear();
        held = 0;
      }
    }
    if (!open.isEmpty()) {
      all.add(List.copyOf(open));
    }
    return all;
  }

  int size() {
    return samples.size();
  }

  SdeWindow window() {
    return samples.getFirst().sample().trajectory().window();
  }

  /** Whether all rows have one embedding, as those of one request do. */
  boolean haveOnePrompt() {
    PromptEmbedding first = samples.getFirst().sample().promptEmbedding();
    return samples.stream().allMatch(row -> row.sample().promptEmbedding().equals(first));
  }

  /** k·S·C numbers: the states before the window's step {@code w}, or after its last. */
  float[] latents(int w) {
    int size = samples.getFirst().sample().trajectory().latents()[w].length;
    float[] all = new float[samples.size() * size];
    for (int row = 0; row < samples.size(); row++) {
      System.arraycopy(
          samples.get(row).sample().trajectory().latents()[w], 0, all, row * size, size);
    }
    return all;
  }

  /** k numbers, at the window's step {@code w}. */
  float[] logProbs(int w) {
    float[] all = new float[samples.size()];
    for (int row = 0; row < all.length; row++) {
      all[row] = samples.get(row).sample().trajectory().logProbs()[w];
    }
    return all;
  }

  /** k numbers. */
  float[] advantages() {
    float[] all = new float[samples.size()];
    for (int row = 0; row < all.length; row++) {
      all[row] = (float) samples.get(row).advantage();
    }
    return all;
  }
}
