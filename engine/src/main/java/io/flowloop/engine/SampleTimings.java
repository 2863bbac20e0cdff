package io.flowloop.engine;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Where the time of the forwards that drew a sample went. The durations are those of the whole
 * sub-batch, shared by all of its samples.
 *
 * @param rowsPerForward samples that shared each forward with this one, itself included
 * @param forwards denoising forwards this sample took part in
 * @param oomSplits forwards before these that the device had no memory for, and that were halved
 *     for it
 * @param encode text encoding of the request
 * @param denoise the denoising loop, with those forwards
 * @param decode decoding and copying out
 */
public record SampleTimings(
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
    if (encode.isNegative() || denoise.isNegative() || decode.isNegative()) {
      throw new IllegalArgumentException(
          "timings: encode %s, denoise %s, decode %s (expected: 0 or more)"
              .formatted(encode, denoise, decode));
    }
  }

  private record Forward(int rows, int repeated) {}

  /**
   * The denoising forwards of all these samples by the number of samples in each, smallest first.
   *
   * @param samples with all that shared a forward
   */
  public static SortedMap<Integer, Integer> forwardsBySize(List<SampleTimings> samples) {
    Map<Forward, Integer> sharing = new HashMap<>();
    samples.forEach(
        sample ->
            sharing.merge(
                new Forward(sample.rowsPerForward(), sample.forwards()), 1, Integer::sum));
    SortedMap<Integer, Integer> forwards = new TreeMap<>();
    sharing.forEach(
        (forward, count) ->
            forwards.merge(
                forward.rows(), count / forward.rows() * forward.repeated(), Integer::sum));
    return forwards;
  }

  /**
   * The halved forwards of all these samples.
   *
   * @param samples with all that shared a forward
   */
  public static int oomSplits(List<SampleTimings> samples) {
    double splits =
        samples.stream()
            .mapToDouble(sample -> (double) sample.oomSplits() / sample.rowsPerForward())
            .sum();
    return Math.toIntExact(Math.round(splits));
  }
}
