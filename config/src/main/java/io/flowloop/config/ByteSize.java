package io.flowloop.config;

/**
 * An amount of memory.
 *
 * @param bytes 0 or more
 */
public record ByteSize(long bytes) {

  /**
   * @throws IllegalArgumentException if it is negative
   */
  public ByteSize {
    if (bytes < 0) {
      throw new IllegalArgumentException("%d bytes (expected: 0 or more)".formatted(bytes));
    }
  }
}
