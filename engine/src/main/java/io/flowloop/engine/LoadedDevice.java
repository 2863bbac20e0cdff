package io.flowloop.engine;

import ai.djl.Device;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;
import io.flowloop.config.Dtype;
import java.util.function.Function;

/**
 * A device made ready on the calling thread: its tensors' root and its compiled kernels. Everything
 * on it must be used and closed from this thread.
 */
public final class LoadedDevice implements AutoCloseable {

  private final String name;
  private final PtNDManager manager;
  private final Kernels kernels;

  private LoadedDevice(Device device, PtNDManager manager, Kernels kernels) {
    this.name = device.isGpu() ? "gpu:" + device.getDeviceId() : "cpu";
    this.manager = manager;
    this.kernels = kernels;
  }

  /** {@link #open(io.flowloop.config.Device, Dtype, int)} with dense layers in float32. */
  public static LoadedDevice open(io.flowloop.config.Device wanted, int threads) {
    return open(wanted, Dtype.FLOAT32, threads);
  }

  /**
   * Loads libtorch if need be and compiles the kernels for a device.
   *
   * @param dtype what dense layers compute with
   * @param threads threads of one operator on the CPU; 0 for as many as there are cores
   * @throws EngineException if libtorch cannot be loaded or there is no such device
   */
  public static LoadedDevice open(io.flowloop.config.Device wanted, Dtype dtype, int threads) {
    return open(wanted, threads, manager -> Kernels.load(manager, dtype));
  }

  /**
   * {@link #open(io.flowloop.config.Device, Dtype, int)} for weights that are kept in a dtype, in
   * which their layers then compute.
   */
  public static LoadedDevice openFor(Dtype weights, io.flowloop.config.Device wanted, int threads) {
    return open(wanted, threads, manager -> Kernels.ofWeights(manager, weights));
  }

  private static LoadedDevice open(
      io.flowloop.config.Device wanted, int threads, Function<PtNDManager, Kernels> kernels) {
    TorchRuntime.load(threads);
    // Rollouts record nothing; whoever needs gradients turns them on around its own forwards.
    JniUtils.setGradMode(false);
    Device device = TorchRuntime.device(wanted);
    PtNDManager manager = TorchRuntime.newManager(device);
    return new LoadedDevice(device, manager, kernels.apply(manager));
  }

  /** {@code cpu} or {@code gpu:0}. */
  public String name() {
    return name;
  }

  /** The root of the device's tensors. */
  public PtNDManager manager() {
    return manager;
  }

  public Kernels kernels() {
    return kernels;
  }

  @Override
  public void close() {
    kernels.close();
    manager.close();
  }
}
