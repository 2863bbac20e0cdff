package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Dtype;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The network that an engine draws with: the pipeline's own, into which weights of a policy are
 * written, or that with the policy's adapters beside it.
 */
final class DrawnPolicy {

  private final Pipeline pipeline;

  /** The adapters as they were sent: float32, by name. Empty before the first were. */
  private final SequencedMap<String, NDArray> adapters = new LinkedHashMap<>();

  /** The same in bfloat16, if that is what the pipeline's weights are kept in. */
  private final SequencedMap<String, NDArray> computed = new LinkedHashMap<>();

  private Map<String, List<Long>> shapes = Map.of();
  private Pipeline.Denoiser denoiser;

  DrawnPolicy(Pipeline pipeline) {
    this.pipeline = pipeline;
    this.denoiser = pipeline.denoiser();
  }

  Pipeline.Denoiser denoiser() {
    return denoiser;
  }

  /**
   * Draws with these from now on: without adapters if there are none among them, and with the other
   * weights as they are.
   *
   * @return {@link PolicyWeights#checksum} of them as they now lie on the device
   * @throws EngineException if they are of another model; nothing changed
   */
  long load(SortedMap<String, HostTensor> tensors) {
    if (tensors.keySet().stream().noneMatch(LowRank::isAdapter)) {
      requireExact(tensors);
      long checksum = write(pipeline.weights(), tensors);
      dropAdapters();
      return checksum;
    }
    if (!shapes(tensors).equals(shapes)) {
      open(tensors);
    }
    long checksum = write(adapters, tensors);
    try (TensorScope _ = new TensorScope()) {
      computed.forEach(
          (name, tensor) ->
              pipeline
                  .kernels()
                  .run("assign", tensor, Objects.requireNonNull(adapters.get(name), name)));
    }
    denoiser.release();
    return checksum;
  }

  private void requireExact(SortedMap<String, HostTensor> tensors) {
    if (pipeline.dtype() != Dtype.FLOAT32 && !tensors.isEmpty()) {
      throw new EngineException(
          "policy weights: %d of the model's own, %s … (expected: adapters alone, as the model is"
                  .formatted(tensors.size(), tensors.firstKey())
              + " kept in bfloat16, which would round them); set model.dtype=float32");
    }
  }

  private long write(Map<String, NDArray> live, SortedMap<String, HostTensor> tensors) {
    DeviceWeights.load(pipeline.kernels(), live, tensors);
    return PolicyWeights.checksum(DeviceWeights.read(live, tensors.keySet()));
  }

  private static Map<String, List<Long>> shapes(SortedMap<String, HostTensor> tensors) {
    Map<String, List<Long>> shapes = new TreeMap<>();
    tensors.forEach((name, tensor) -> shapes.put(name, tensor.shape()));
    return shapes;
  }

  private void dropAdapters() {
    denoiser.release();
    denoiser = pipeline.denoiser();
    adapters.values().forEach(NDArray::close);
    computed.values().forEach(NDArray::close);
    adapters.clear();
    computed.clear();
    shapes = Map.of();
  }

  /** Makes room for adapters of these names and shapes. */
  private void open(SortedMap<String, HostTensor> tensors) {
    List<String> problems = LowRank.problems(pipeline.layers(), shapes(tensors));
    if (!problems.isEmpty()) {
      throw new EngineException(
          "policy weights: %s; these are of another model".formatted(String.join("; ", problems)));
    }
    dropAdapters();
    try (TensorScope scope = new TensorScope()) {
      tensors.forEach(
          (name, tensor) -> {
            long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
            NDArray sent = scope.keep(pipeline.manager().zeros(new Shape(shape)));
            adapters.put(name, sent);
            if (pipeline.dtype() == Dtype.BFLOAT16) {
              computed.put(name, scope.keep(pipeline.kernels().one("bfloat16_copy", sent)));
            }
          });
    }
    shapes = shapes(tensors);
    denoiser = pipeline.denoiser(computed.isEmpty() ? adapters : computed);
  }
}
