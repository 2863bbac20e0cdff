package io.flowloop.rollout;

import java.util.Arrays;
import java.util.OptionalLong;

/** The median of the latest durations of something, in nanoseconds. */
final class Median {

  private static final int LATEST = 32;

  /** Fewer say nothing. */
  private static final int ENOUGH = 3;

  private final long[] latest = new long[LATEST];
  private int count;
  private OptionalLong median = OptionalLong.empty();

  void add(long nanos) {
    latest[count++ % LATEST] = nanos;
    if (count >= ENOUGH) {
      long[] sorted = Arrays.copyOf(latest, Math.min(count, LATEST));
      Arrays.sort(sorted);
      median = OptionalLong.of(sorted[sorted.length / 2]);
    }
  }

  /** Empty while too few have been seen. */
  OptionalLong get() {
    return median;
  }
}
