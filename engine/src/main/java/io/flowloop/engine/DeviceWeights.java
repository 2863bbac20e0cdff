package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** Between named tensors on a device and in plain memory. */
final class DeviceWeights {

  private DeviceWeights() {}

  /**
   * Overwrites some of the {@code live} tensors in place.
   *
   * @throws EngineException if there is no such tensor, or it has another shape; nothing changed
   */
  static void load(Kernels kernels, Map<String, NDArray> live, Map<String, HostTensor> values) {
    values.forEach((name, value) -> check(live, name, value));
    values.forEach((name, value) -> kernels.assign(named(live, name), value.values()));
  }

  private static void check(Map<String, NDArray> live, String name, HostTensor value) {
    List<Long> expected = shape(named(live, name));
    if (!value.shape().equals(expected)) {
      throw new EngineException(
          "policy weights: tensor %s of shape %s (expected: %s); these are of another model"
              .formatted(name, value.shape(), expected));
    }
  }

  /** Copies of some of the {@code live} tensors. */
  static SortedMap<String, HostTensor> read(Map<String, NDArray> live, Collection<String> names) {
    SortedMap<String, HostTensor> copies = new TreeMap<>();
    for (String name : names) {
      NDArray tensor = named(live, name);
      // From a GPU there is a tensor on the way.
      try (TensorScope _ = new TensorScope()) {
        copies.put(name, new HostTensor(shape(tensor), tensor.toFloatArray()));
      }
    }
    return copies;
  }

  private static NDArray named(Map<String, NDArray> live, String name) {
    NDArray tensor = live.get(name);
    if (tensor == null) {
      throw new EngineException(
          "policy weights: tensor %s (expected: one of the model's %d); these are of another model"
              .formatted(name, live.size()));
    }
    return tensor;
  }

  private static List<Long> shape(NDArray tensor) {
    return Arrays.stream(tensor.getShape().getShape()).boxed().toList();
  }
}
