package io.flowloop.config;

/**
 * The half-open range of integers [start, end), written {@code [0, 5]} in HOCON.
 *
 * @param start first integer of the range, 0 or more
 * @param end first integer behind the range, {@code start} or more
 */
public record IntRange(int start, int end) {

  /**
   * @throws IllegalArgumentException if the range starts below 0 or ends before it starts
   */
  public IntRange {
    if (start < 0 || end < start) {
      throw new IllegalArgumentException(
          "range: [%d, %d) (expected: 0 <= start <= end)".formatted(start, end));
    }
  }

  /** How many integers it holds. */
  public int length() {
    return end - start;
  }

  /** The mathematical notation, {@code [0, 5)}. */
  @Override
  public String toString() {
    return "[" + start + ", " + end + ")";
  }
}
