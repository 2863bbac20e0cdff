package io.flowloop.engine;

import java.util.List;
import java.util.stream.IntStream;

/**
 * One prompt and its seeds: what an engine turns into samples in as few forwards as its memory
 * allows. A single generation is the request with one seed.
 *
 * @param prompt the text to draw
 * @param seeds the rows wanted, k ≥ 1, in the order the samples come back
 * @param sampling how the denoising loop walks
 */
public record RolloutRequest(String prompt, List<RowSeed> seeds, Sampling sampling) {

  /**
   * @throws IllegalArgumentException if there is no seed
   */
  public RolloutRequest {
    seeds = List.copyOf(seeds);
    if (seeds.isEmpty()) {
      throw new IllegalArgumentException(
          "seeds: [] (expected: at least one) in the rollout request for prompt '" + prompt + "'");
    }
  }

  /** A request for rows 0, 1, … with these seeds. */
  public static RolloutRequest of(String prompt, Sampling sampling, long... seeds) {
    return new RolloutRequest(
        prompt,
        IntStream.range(0, seeds.length).mapToObj(i -> new RowSeed(i, seeds[i])).toList(),
        sampling);
  }

  /** The k of this request. */
  public int rows() {
    return seeds.size();
  }
}
