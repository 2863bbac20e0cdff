package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * A trainable denoiser: which numbers an optimiser moves, what network they make, and the reference
 * that it is held to.
 *
 * <p>It computes with the kernels of its pipeline, so that with equal weights and equal forward
 * shapes it gives the velocities of a rollout to the last bit. All of it belongs to the pipeline's
 * thread.
 */
public interface Policy extends AutoCloseable {

  /** Where a policy for a pipeline comes from; the pipeline outlives it. */
  @FunctionalInterface
  interface Factory {
    Policy create(Pipeline pipeline);
  }

  /** The network as the parameters make it now. */
  Pipeline.Denoiser denoiser();

  /** The network that training began with. */
  Pipeline.Denoiser reference();

  /** What the optimiser moves, by name: live float32 tensors. */
  SequencedMap<String, NDArray> parameters();

  /**
   * What backward left for the parameters, in their order; may be changed in place, and belongs to
   * the innermost scope.
   */
  List<NDArray> gradients();

  /** Forgets what backward left. */
  void clearGradients();

  /** Makes the denoiser compute with the parameters, after they were written to. */
  void applyParameters();

  /** The weights that training changes, by their names in the pipeline: live tensors. */
  SequencedMap<String, NDArray> weights();

  /**
   * The weights that other values of the parameters would make, by their names in the pipeline;
   * those values themselves, unless a policy says otherwise. New tensors belong to the innermost
   * scope.
   *
   * @param values in the order of {@link #parameters}
   */
  default SequencedMap<String, NDArray> weights(List<NDArray> values) {
    SequencedMap<String, NDArray> weights = new LinkedHashMap<>();
    List<String> names = List.copyOf(parameters().keySet());
    for (int i = 0; i < names.size(); i++) {
      weights.put(names.get(i), values.get(i));
    }
    return weights;
  }

  /** Frees its tensors. */
  @Override
  void close();
}
