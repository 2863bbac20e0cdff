package io.flowloop.engine;

import java.util.List;

/**
 * A model on one device that draws what a rollout request asks for.
 *
 * <p>An engine belongs to the thread that created it: every call, {@link #close} included, must
 * come from there, since gradient mode and native memory are bound to threads.
 */
public interface DiffusionEngine extends AutoCloseable {

  /**
   * Draws one sample for each seed of each request. A sample depends on its prompt, its seed, the
   * sampling and the weights; never on the other seeds of its request, nor on other requests.
   *
   * <p>Several requests share forwards as far as they fit, in their order. Where the device has no
   * memory for a forward, it is drawn in smaller ones, which {@link SampleTimings#oomSplits}
   * counts.
   *
   * @param requests of equal sampling, 1 or more
   * @return what came of each, in their order; a failure names the request, rows and device
   * @throws IllegalArgumentException if their samplings differ
   */
  List<Drawn> generate(List<RolloutRequest> requests, StepListener steps);

  /**
   * Draws one request, unheard.
   *
   * @return one sample for each seed, in the order of the seeds
   * @throws RuntimeException if it fails; an {@link EngineException} if a forward does
   */
  default List<Sample> generate(RolloutRequest request) {
    return generate(List.of(request), StepListener.NONE).getFirst().samples();
  }

  /**
   * Draws with these weights from now on.
   *
   * @return {@link PolicyWeights#checksum} of those tensors as they now lie on the device
   * @throws EngineException if the model has no such tensor, or of another shape; nothing changed
   */
  long load(PolicyWeights weights);

  /** Version of the weights in use; 0 are those the model was loaded with. */
  long policyVersion();

  /** Frees every native tensor. */
  @Override
  void close();
}
