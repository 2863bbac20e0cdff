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
  public void normalize(List<Norm> streams) {
    for (Norm norm : streams) {
      try (TensorScope _ = new TensorScope()) {
        Modulation modulation = norm.modulation();
        kernels.run("fused_normalize", norm.x(), modulation.table(), part(modulation), norm.out());
      }
    }
  }

  @Override
  public void addAndNormalize(List<Residual> residuals, List<Norm> streams) {
    for (int i = 0; i < streams.size(); i++) {
      Residual residual = residuals.get(i);
      Modulation modulation = residual.modulation();
      try (TensorScope _ = new TensorScope()) {
        kernels.run(
            "fused_add",
            streams.get(i).x(),
            residual.y(),
            residual.bias(),
            modulation.table(),
            part(modulation));
      }
    }
    normalize(streams);
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

  @Override
  public void close() {
    host.close();
  }
}
