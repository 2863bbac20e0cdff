package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Dtype;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.Noise;
import io.flowloop.engine.PromptEmbedding;
import io.flowloop.engine.TensorScope;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.SequencedMap;

/**
 * A Qwen-Image of random numbers, for what does not depend on the weights: speed and memory. They
 * are made on the device, tensor by tensor, and are the same each time on one kind of device.
 * Features keep their size on the way through the network, so its numbers are those of a trained
 * one in kind.
 *
 * @param geometry how large it is
 * @param textTokens L of every prompt, whose embeddings are random too
 */
record RandomSource(QwenImageGeometry geometry, int textTokens) implements QwenImageSource {

  /** Of libtorch's generator; any would do. */
  private static final int SEED = 1;

  /** Standard deviation of the layers that modulate, which would drown their blocks otherwise. */
  private static final double MODULATION = 0.02;

  private static final List<String> MODULATIONS =
      List.of("img_mod.1.weight", "txt_mod.1.weight", "norm_out.linear.weight");

  RandomSource {
    if (textTokens < 1) {
      throw new IllegalArgumentException(
          "text tokens: %d (expected: 1 or more)".formatted(textTokens));
    }
  }

  @Override
  public TransformerConfig transformer() {
    return geometry.transformer();
  }

  @Override
  public VaeConfig vae() {
    return geometry.vae();
  }

  @Override
  public SchedulerConfig scheduler() {
    return geometry.scheduler();
  }

  @Override
  public long fingerprint() {
    return Integer.toUnsignedLong(transformer().hashCode());
  }

  /** Its numbers depend on nothing else. */
  @Override
  public Object origin() {
    return transformer();
  }

  @Override
  public SequencedMap<String, NDArray> loadTransformer(
      LoadedDevice device, NDManager manager, Dtype dtype) {
    manager.getEngine().setRandomSeed(SEED);
    SequencedMap<String, List<Long>> layout = QwenImageTransformer.layout(transformer());
    return QwenImageTransformer.weights(
        transformer(),
        device.kernels(),
        manager,
        name -> random(name, layout, device, manager, dtype));
  }

  @Override
  public QwenImageVae loadVae(LoadedDevice device, Dtype dtype) {
    // It copies what it needs.
    try (NDManager loading = device.manager().newSubManager()) {
      loading.getEngine().setRandomSeed(SEED);
      SequencedMap<String, List<Long>> layout = QwenImageVae.layout(vae());
      SequencedMap<String, NDArray> weights = new LinkedHashMap<>();
      for (String name : QwenImageVae.needed(vae())) {
        weights.put(name, random(name, layout, device, loading, dtype));
      }
      return new QwenImageVae(device.kernels(), device.manager(), vae(), weights);
    }
  }

  private static NDArray random(
      String name,
      SequencedMap<String, List<Long>> layout,
      LoadedDevice device,
      NDManager manager,
      Dtype dtype) {
    List<Long> sides = Objects.requireNonNull(layout.get(name), name);
    try (TensorScope _ = new TensorScope()) {
      NDArray values =
          values(name, new Shape(sides.stream().mapToLong(Long::longValue).toArray()), manager);
      return TensorScope.own(
          device.kernels().one(dtype == Dtype.BFLOAT16 ? "bfloat16_copy" : "float32_copy", values),
          manager);
    }
  }

  /** Biases are 0, norms 1; a layer's answer to numbers of variance 1 has variance 1. */
  private static NDArray values(String name, Shape shape, NDManager manager) {
    if (name.endsWith(".bias")) {
      return manager.zeros(shape);
    }
    if (name.endsWith(".gamma") || shape.dimension() == 1) {
      return manager.ones(shape);
    }
    double deviation =
        MODULATIONS.stream().anyMatch(name::endsWith)
            ? MODULATION
            : 1 / Math.sqrt((double) shape.slice(1).size());
    return manager.randomNormal(0, (float) deviation, shape, DataType.FLOAT32);
  }

  @Override
  public PromptEncoder loadEncoder(LoadedDevice device, Dtype dtype) {
    return new PromptEncoder() {
      @Override
      public PromptEmbedding encode(String prompt) {
        int width = transformer().textWidth();
        boolean[] mask = new boolean[textTokens];
        Arrays.fill(mask, true);
        return new PromptEmbedding(
            Noise.normals(prompt.hashCode(), Noise.Use.WEIGHTS, 0, textTokens * width),
            mask,
            width);
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public void close() {}
}
