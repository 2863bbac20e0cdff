package io.flowloop.engine;

/**
 * One row of a rollout request: its index in the run's training step and the seed that all of its
 * noise comes from.
 *
 * @param row global row index after the interleaved repeat, 0-based
 * @param seed key of the row's counter-based noise; any value
 */
public record RowSeed(int row, long seed) {

  public RowSeed {
    if (row < 0) {
      throw new IllegalArgumentException("row: " + row + " (expected: 0 or more)");
    }
  }

  /**
   * The seed of {@code row} at training step {@code step} of the run seeded {@code runSeed}.
   *
   * <p>For a fixed run seed this is a bijection of (step, row): two rows of one run never share a
   * seed, and none depends on a request, a worker or an engine.
   */
  public static RowSeed of(long runSeed, int step, int row) {
    long position = ((long) step << 32) | Integer.toUnsignedLong(row);
    return new RowSeed(row, mix(position ^ mix(runSeed)));
  }

  /** SplitMix64's finalizer, a bijection of the 64-bit words (Steele, Lea, Flood, OOPSLA 2014). */
  private static long mix(long word) {
    long z = word + 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
