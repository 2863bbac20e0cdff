package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import java.util.List;

/**
 * What stands between the matrix products of a dual-stream transformer block, cut so that each step
 * can read and write its tensors once. All of them are contiguous, of one dtype, and already there:
 * results go into tensors of the caller's.
 */
sealed interface Fusions extends AutoCloseable permits CudaKernels, OperatorFusions {

  /**
   * Shift, factor and gate of a layer.
   *
   * @param table modulation of all layers: (k, M), or (1, M) for all rows
   * @param part which D-wide part of the table is the shift; factor and gate are the next two
   */
  record Modulation(NDArray table, int part) {}

  /**
   * The tokens of a stream in front of a norm.
   *
   * @param x (k, tokens, D)
   * @param modulation its shift and factor are looked at
   * @param out where the normalized tokens go: (k, tokens, D or more), whose other columns stay
   */
  record Norm(NDArray x, Modulation modulation, NDArray out) {}

  /**
   * What is added to the tokens of a stream before.
   *
   * @param y (k, tokens, D)
   * @param bias (D)
   * @param modulation its gate is looked at
   */
  record Residual(NDArray y, NDArray bias, Modulation modulation) {}

  /**
   * {@code out} = layerNorm(x)·factor + shift.
   *
   * @param streams one, or two of one batch and with one table of modulation
   */
  void normalize(List<Norm> streams);

  /**
   * {@code x} += gate·(y + bias) in place, and then as {@link #normalize}.
   *
   * @param residuals one for each of {@code streams}
   */
  void addAndNormalize(List<Residual> residuals, List<Norm> streams);

  /**
   * The heads that attend to one another, of both streams: queries and keys after their norms and
   * turned by rotary embeddings, and values.
   *
   * @param image queries, keys and values: (k, S, 3·D)
   * @param text likewise: (k, L, 3·D)
   * @param norms of the image's queries and keys and of the text's: (width of a head) each
   * @param rotations cosine and sine for each pair of neighbours: (S + L, width of a head / 2, 2),
   *     float32
   * @param joint where queries, keys and values go: (k, S + L, heads, width of a head) each, the
   *     image's tokens first
   */
  void heads(
      NDArray image, NDArray text, List<NDArray> norms, NDArray rotations, List<NDArray> joint);

  /** Whether cuDNN has the fastest attention for such heads on this device. */
  boolean prefersCudnn();

  /** Frees what it has on the device. */
  @Override
  void close();
}
