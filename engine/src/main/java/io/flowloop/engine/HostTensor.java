package io.flowloop.engine;

import java.util.List;

/**
 * A float32 tensor in plain memory.
 *
 * @param shape its sizes; empty for a scalar
 * @param values the numbers, row-major; the array is not copied
 */
public record HostTensor(List<Long> shape, float[] values) {

  /**
   * @throws IllegalArgumentException if the shape is not that of the values
   */
  public HostTensor {
    shape = List.copyOf(shape);
    if (shape.stream().anyMatch(size -> size < 0)
        || shape.stream().reduce(1L, Math::multiplyExact) != values.length) {
      throw new IllegalArgumentException(
          "values: %d (expected: as many as shape %s holds)".formatted(values.length, shape));
    }
  }
}
