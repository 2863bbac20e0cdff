package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** Between weights on a device and in plain memory. */
final class DeviceWeights {

  private DeviceWeights() {}

  /**
   * Overwrites weights of a pipeline in place.
   *
   * @throws EngineException if the model has no such tensor, or of another shape; nothing changed
   */
  static void load(Pipeline pipeline, Map<String, HostTensor> tensors) {
    tensors.forEach((name, tensor) -> check(pipeline, name, tensor));
    tensors.forEach((name, tensor) -> live(pipeline, name).set(tensor.values()));
  }

  private static void check(Pipeline pipeline, String name, HostTensor tensor) {
    List<Long> expected = shape(live(pipeline, name));
    if (!tensor.shape().equals(expected)) {
      throw new EngineException(
          "policy weights: tensor %s of shape %s (expected: %s); these are of another model"
              .formatted(name, tensor.shape(), expected));
    }
  }

  /** Copies of some weights of a pipeline. */
  static SortedMap<String, HostTensor> read(Pipeline pipeline, Collection<String> names) {
    SortedMap<String, HostTensor> tensors = new TreeMap<>();
    names.forEach(name -> tensors.put(name, read(live(pipeline, name))));
    return tensors;
  }

  static HostTensor read(NDArray tensor) {
    return new HostTensor(shape(tensor), tensor.toFloatArray());
  }

  private static NDArray live(Pipeline pipeline, String name) {
    NDArray live = pipeline.weights().get(name);
    if (live == null) {
      throw new EngineException(
          "policy weights: tensor %s (expected: one of the model's %d); these are of another model"
              .formatted(name, pipeline.weights().size()));
    }
    return live;
  }

  private static List<Long> shape(NDArray tensor) {
    return Arrays.stream(tensor.getShape().getShape()).boxed().toList();
  }
}
