package io.flowloop.engine;

import java.time.Duration;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Where the time of the forwards that drew a sample went. The durations are those of the whole
 * sub-batch, shared by all of its samples.
 *
 * @param forward a number that the samples of a forward share, and no others of a training step
 * @param rowOfForward its place among them, from 0
 * @param rowsPerForward samples that shared each forward with this one, itself included
 * @param forwards denoising forwards this sample took part in
 * @param oomSplits forwards before these that the device had no memory for, and that were halved
 *     for it
 * @param encode text encoding of the request
 * @param denoise the denoising loop, with those forwards
 * @param decode decoding and copying out
 */
public record SampleTimings(
    long forward,
    int rowOfForward,
    int rowsPerForward,
    int forwards,
    int oomSplits,
    Duration encode,
    Duration denoise,
    Duration decode) {

  /**
   * @throws IllegalArgumentException if a number or a time is impossible
   */
  public SampleTimings {
    if (rowsPerForward < 1 || forwards < 0 || oomSplits < 0) {
      throw new IllegalArgumentException(
          "timings: %d forwards of %d rows, %d halved (expected: 0 or more, of 1 or more, 0 or more)"
              .formatted(forwards, rowsPerForward, oomSplits));
    }
    if (rowOfForward < 0 || rowOfForward >= rowsPerForward) {
      throw new IllegalArgumentException(
          "timings: row %d of a forward (expected: 0 to %d, of %d rows)"
              .formatted(rowOfForward, rowsPerForward - 1, rowsPerForward));
    }
    if (encode.isNegative() || denoise.isNegative() || decode.isNegative()) {
      throw new IllegalArgumentException(
          "timings: encode %s, denoise %s, decode %s (expected: 0 or more)"
              .formatted(encode, denoise, decode));
    }
  }

  /**
   * The denoising forwards of all these samples by the number of samples in each, smallest first. A
   * forward counts with the first of its samples.
   */
  public static SortedMap<Integer, Integer> forwardsBySize(List<SampleTimings> samples) {
    SortedMap<Integer, Integer> forwards = new TreeMap<>();
    samples.stream()
        .filter(SampleTimings::isFirst)
        .forEach(first -> forwards.merge(first.rowsPerForward(), first.forwards(), Integer::sum));
    return forwards;
  }

  /** The halved forwards of all these samples, likewise. */
  public static int oomSplits(List<SampleTimings> samples) {
    return samples.stream().filter(SampleTimings::isFirst).mapToInt(SampleTimings::oomSplits).sum();
  }

  private boolean isFirst() {
    return rowOfForward == 0;
  }
}
