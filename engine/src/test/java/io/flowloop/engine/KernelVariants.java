package io.flowloop.engine;

import io.flowloop.config.Dtype;

/** Kernels that a device would not choose for itself; closed with it. */
public final class KernelVariants {

  private KernelVariants() {}

  /** What a GPU computes with. */
  public static Kernels ofGpu(LoadedDevice device) {
    return Kernels.ofGpu(device.manager());
  }

  /** What this device computes with if weights are kept in a dtype. */
  public static Kernels ofWeights(LoadedDevice device, Dtype dtype) {
    return Kernels.ofWeights(device.manager(), dtype);
  }
}
