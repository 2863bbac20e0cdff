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
   * Draws one sample for each seed, in the order of the seeds. A sample depends on its prompt, its
   * seed, the sampling and the weights; never on the other seeds of the request.
   *
   * <p>Where the device has no memory for a forward, the request is drawn in smaller ones, which
   * {@link SampleTimings#oomSplits} counts.
   *
   * @throws EngineException if a forward fails, or does not fit with a single row; it names the
   *     request, rows and device
   */
  List<Sample> generate(RolloutRequest request);

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
