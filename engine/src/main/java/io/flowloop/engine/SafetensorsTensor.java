package io.flowloop.engine;

import java.util.List;

/**
 * What a safetensors file says of one of its tensors.
 *
 * @param name unique in the file
 * @param dtype its number format
 * @param shape its dimensions, the outermost first, each 0 or more; empty for a scalar
 */
public record SafetensorsTensor(String name, SafetensorsDtype dtype, List<Long> shape) {

  /**
   * @throws IllegalArgumentException if a dimension is negative or the size is beyond 2^63 bytes
   */
  public SafetensorsTensor {
    shape = List.copyOf(shape);
    long bytes = dtype.bytes();
    for (long dimension : shape) {
      if (dimension < 0 || Math.multiplyHigh(bytes, dimension) != 0 || bytes * dimension < 0) {
        throw new IllegalArgumentException(
            "shape: %s of tensor %s (expected: dimensions of 0 or more, below 2^63 bytes together)"
                .formatted(shape, name));
      }
      bytes *= dimension;
    }
  }

  /** Numbers in the tensor: the product of its shape. */
  public long elements() {
    return shape.stream().reduce(1L, (product, dimension) -> product * dimension);
  }

  /** Bytes of the tensor's data. */
  public long bytes() {
    return elements() * dtype.bytes();
  }
}
