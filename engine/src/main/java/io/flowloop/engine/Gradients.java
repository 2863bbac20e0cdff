package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import java.util.Collection;
import java.util.List;
import java.util.function.Supplier;

/** Automatic differentiation: what is recorded, and what backward leaves on tensors. */
public final class Gradients {

  private Gradients() {}

  /** What {@code forward} makes, recorded for a backward. */
  public static <T> T recorded(Supplier<T> forward) {
    return with(true, forward);
  }

  /** What {@code forward} makes, without a record. */
  public static <T> T unrecorded(Supplier<T> forward) {
    return with(false, forward);
  }

  private static <T> T with(boolean recording, Supplier<T> forward) {
    boolean before = JniUtils.isGradMode();
    JniUtils.setGradMode(recording);
    try {
      return forward.get();
    } finally {
      JniUtils.setGradMode(before);
    }
  }

  /** Adds to the gradients of all tensors that {@code output} was computed from. */
  public static void backward(NDArray output, NDArray gradient) {
    JniUtils.backward((PtNDArray) output, (PtNDArray) gradient, false, false);
  }

  /** The gradients of tensors, zeros where nothing depended on one; they belong to the scope. */
  public static List<NDArray> of(Collection<NDArray> tensors) {
    return tensors.stream().map(NDArray::getGradient).toList();
  }

  /** Sets the gradients of tensors to zero. */
  public static void clear(Collection<NDArray> tensors) {
    tensors.forEach(tensor -> JniUtils.zeroGrad((PtNDArray) tensor));
  }
}
