package io.flowloop.engine;

import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * A policy that learns: what turns rewarded samples into new weights.
 *
 * <p>A learner belongs to the thread that created it: every call, {@link #close} included, must
 * come from there.
 */
public interface Learner extends AutoCloseable {

  /**
   * Learns from a rollout batch; afterwards the version is one more.
   *
   * @param samples drawn by the version that the learner has now; samples that shared a forward
   *     stand side by side in their order
   * @param trainingStep 0-based, for the learning rate's decay
   * @param cancelled asked between forwards; once it answers true the update is given up with a
   *     {@link java.util.concurrent.CancellationException}, and only {@link #restore} or {@link
   *     #close} may follow
   * @throws EngineException if a sample is of another version, has no stochastic step or its
   *     numbers are not finite, or if the device has no memory for the update
   */
  UpdateMetrics update(List<TrainingSample> samples, int trainingStep, BooleanSupplier cancelled);

  /** The weights that rollouts are to be drawn with. */
  PolicyWeights weights();

  /** The running mean of {@link #weights}, if there is one, which is validated and kept then. */
  Optional<PolicyWeights> averagedWeights();

  /** Everything the next update depends on. */
  LearnerState state();

  /**
   * Goes on from a state.
   *
   * @throws EngineException if it is of another model or has other parameters
   */
  void restore(LearnerState state);

  /** Frees every native tensor. */
  @Override
  void close();
}
