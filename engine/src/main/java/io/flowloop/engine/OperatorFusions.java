package io.flowloop.engine;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;

/** Fusions in name only: libtorch's operators, for any device and dtype. */
final class OperatorFusions implements Fusions {

  private final Kernels kernels;
  private final NDManager host;

  /**
   * @param manager of the device of the kernels
   */
  OperatorFusions(Kernels kernels, NDManager manager) {
    this.kernels = kernels;
    this.host = manager.newSubManager(Device.cpu());
  }

  @Override
  public void normalize(NDArray x, Modulation modulation, NDArray out) {
    try (TensorScope _ = new TensorScope()) {
      kernels.run("fused_normalize", x, modulation.table(), part(modulation), out);
    }
  }

  @Override
  public void addAndNormalize(
      NDArray x, NDArray y, NDArray bias, Modulation gate, Modulation next, NDArray out) {
    try (TensorScope _ = new TensorScope()) {
      kernels.run("fused_add", x, y, bias, gate.table(), part(gate));
    }
    normalize(x, next, out);
  }

  /** In plain memory, where its number is needed. */
  private NDArray part(Modulation modulation) {
    return host.create((long) modulation.part());
  }

  @Override
  public void heads(
      NDArray image, NDArray text, List<NDArray> norms, NDArray rotations, List<NDArray> joint) {
    try (TensorScope _ = new TensorScope()) {
      kernels.run("fused_heads", image, text, norms, rotations, joint);
    }
  }

  @Override
  public boolean prefersCudnn() {
    return false;
  }
}
