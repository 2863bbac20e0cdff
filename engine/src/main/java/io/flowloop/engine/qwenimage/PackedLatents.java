package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.engine.TensorScope;

/**
 * Between latents (k, C, h, w) and the transformer's tokens (k, S, 4·C): each block of 2×2 cells,
 * line by line, is one token, and a channel's four cells follow one another in it.
 */
final class PackedLatents {

  /** Cells of a token's side. */
  static final int PATCH = 2;

  private PackedLatents() {}

  /**
   * (k, S, 4·C), S = h / 2 · w / 2.
   *
   * @param latents (k, C, h, w)
   * @throws IllegalArgumentException if h or w is odd
   */
  static NDArray pack(NDArray latents) {
    Shape shape = latents.getShape();
    long height = shape.get(2) / PATCH;
    long width = shape.get(3) / PATCH;
    requireEven(shape.get(2), shape.get(3));
    try (TensorScope scope = new TensorScope()) {
      return scope.keep(
          latents
              .reshape(shape.get(0), shape.get(1), height, PATCH, width, PATCH)
              .transpose(0, 2, 4, 1, 3, 5)
              .reshape(shape.get(0), height * width, shape.get(1) * PATCH * PATCH));
    }
  }

  /**
   * (k, C, h, w).
   *
   * @param packed (k, S, 4·C)
   * @param height h
   * @param width w
   * @throws IllegalArgumentException if h or w is odd, or S is not h / 2 · w / 2
   */
  static NDArray unpack(NDArray packed, int height, int width) {
    Shape shape = packed.getShape();
    requireEven(height, width);
    if (shape.get(1) != (long) height / PATCH * (width / PATCH)) {
      throw new IllegalArgumentException(
          "latents: %d tokens (expected: %d, for %d×%d cells)"
              .formatted(shape.get(1), (long) height / PATCH * (width / PATCH), height, width));
    }
    long channels = shape.get(2) / (PATCH * PATCH);
    try (TensorScope scope = new TensorScope()) {
      return scope.keep(
          packed
              .reshape(shape.get(0), height / PATCH, width / PATCH, channels, PATCH, PATCH)
              .transpose(0, 3, 1, 4, 2, 5)
              .reshape(shape.get(0), channels, height, width));
    }
  }

  private static void requireEven(long height, long width) {
    if (height % PATCH != 0 || width % PATCH != 0) {
      throw new IllegalArgumentException(
          "latents: %d×%d cells (expected: even numbers)".formatted(height, width));
    }
  }
}
