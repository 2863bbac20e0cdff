package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
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
   * @param device where the parameters lie
   * @param parameters all of them require gradients
   * @param weightDecay decoupled, per step in units of the learning rate
   * @param maxGradientNorm gradients with a larger global norm are scaled down to it
   */
  public AdamW(
      LoadedDevice device, List<NDArray> parameters, double weightDecay, double maxGradientNorm) {
    this.kernels = device.kernels();
    this.manager = device.manager();
    this.parameters = List.copyOf(parameters);
    this.weightDecay = weightDecay;
    this.maxGradientNorm = maxGradientNorm;
    for (NDArray parameter : parameters) {
      firstMoments.add(manager.zeros(parameter.getShape()));
      secondMoments.add(manager.zeros(parameter.getShape()));
    }
  }

  /**
   * Applies the gradients that backward left on the parameters, then sets them to zero. A step with
   * a norm that is not finite changes nothing.
   *
   * @return the global gradient norm before clipping; not finite if the step was skipped
   */
  public double step(double learningRate) {
    boolean gradMode = JniUtils.isGradMode();
    JniUtils.setGradMode(false);
    try (TensorScope _ = new TensorScope()) {
      List<NDArray> gradients = parameters.stream().map(NDArray::getGradient).toList();
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
      parameters.forEach(parameter -> JniUtils.zeroGrad((PtNDArray) parameter));
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

  /** Goes on as after {@code steps} steps that left these moments, one array a parameter. */
  public void restore(int steps, List<float[]> firstMoments, List<float[]> secondMoments) {
    this.steps = steps;
    for (int i = 0; i < parameters.size(); i++) {
      this.firstMoments.get(i).set(firstMoments.get(i));
      this.secondMoments.get(i).set(secondMoments.get(i));
    }
  }

  @Override
  public void close() {
    firstMoments.forEach(NDArray::close);
    secondMoments.forEach(NDArray::close);
  }
}
