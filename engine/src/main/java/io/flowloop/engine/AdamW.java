package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.jni.JniUtils;
import java.util.ArrayList;
import java.util.List;

/**
 * AdamW with global-norm gradient clipping over a fixed list of parameters; betas .9 and .999, eps
 * 1e-8 (arXiv:1711.05101). Its state is float32 and can be copied out and in.
 *
 * <p>DJL's optimisers cannot save their state and clip one side of each value only.
 */
public final class AdamW implements AutoCloseable {

  private final Kernels kernels;
  private final NDManager manager;
  private final List<NDArray> parameters;
  private final List<NDArray> firstMoments = new ArrayList<>();
  private final List<NDArray> secondMoments = new ArrayList<>();
  private final double weightDecay;
  private final double maxGradientNorm;
  private int steps;

  /**
   * @param manager owns the moments
   * @param parameters what is moved; the optimiser keeps no other tensors
   * @param weightDecay decoupled, per step in units of the learning rate
   * @param maxGradientNorm gradients with a larger global norm are scaled down to it
   */
  public AdamW(
      Kernels kernels,
      NDManager manager,
      List<NDArray> parameters,
      double weightDecay,
      double maxGradientNorm) {
    this.kernels = kernels;
    this.manager = manager;
    this.parameters = List.copyOf(parameters);
    this.weightDecay = weightDecay;
    this.maxGradientNorm = maxGradientNorm;
    for (NDArray parameter : parameters) {
      firstMoments.add(manager.zeros(parameter.getShape()));
      secondMoments.add(manager.zeros(parameter.getShape()));
    }
  }

  /**
   * Moves the parameters against their gradients, which are scaled in place if they are clipped. A
   * step with a norm that is not finite changes nothing.
   *
   * @param gradients one a parameter, in their order
   * @return the global gradient norm before clipping; not finite if the step was skipped
   */
  public double step(double learningRate, List<NDArray> gradients) {
    boolean gradMode = JniUtils.isGradMode();
    JniUtils.setGradMode(false);
    try (TensorScope _ = new TensorScope()) {
      NDArray limit = manager.create((float) maxGradientNorm);
      double norm = kernels.one("clip_gradients", limit, gradients).getFloat();
      if (Double.isFinite(norm)) {
        steps++;
        NDArray count = manager.create((float) steps);
        kernels.run(
            "adamw_step",
            manager.create((float) learningRate),
            manager.create((float) weightDecay),
            parameters,
            gradients,
            firstMoments,
            secondMoments,
            parameters.stream().map(parameter -> count).toList());
      }
      return norm;
    } finally {
      JniUtils.setGradMode(gradMode);
    }
  }

  /** How many steps were applied. */
  public int steps() {
    return steps;
  }

  /** Running means of the gradients, one a parameter; live tensors. */
  public List<NDArray> firstMoments() {
    return firstMoments;
  }

  /** Running means of the squared gradients, one a parameter; live tensors. */
  public List<NDArray> secondMoments() {
    return secondMoments;
  }

  /** Goes on as after so many steps, with the moments as they are now. */
  public void restore(int steps) {
    this.steps = steps;
  }

  @Override
  public void close() {
    firstMoments.forEach(NDArray::close);
    secondMoments.forEach(NDArray::close);
  }
}
