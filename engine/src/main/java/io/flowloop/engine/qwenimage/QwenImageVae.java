package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.engine.Kernels;
import io.flowloop.engine.TensorScope;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.stream.Stream;

/**
 * The autoencoder of Qwen-Image, {@code AutoencoderKLQwenImage}: between images and latents of 8×8
 * pixels a cell, or what its configuration says.
 *
 * <p>It is a network for videos that sees single frames here, so what it does is two-dimensional.
 * It computes in the dtype of its weights; what it takes and gives is float32. A result belongs to
 * the innermost open {@link TensorScope}. The memory of decoding and encoding grows with the rows:
 * for large images, call it row by row.
 */
final class QwenImageVae implements AutoCloseable {

  private final Kernels kernels;
  private final NDManager manager;
  private final List<Stage> encoder;
  private final List<Stage> decoder;
  private final NDArray mean;
  private final NDArray std;

  /** A layer with its weights on the device. */
  private record Stage(String kernel, List<NDArray> weights) {}

  /**
   * Copies what it needs of the weights, which stay the caller's.
   *
   * @param manager of the device; the copies live until this is closed
   * @param weights by the names of {@link #needed}, in the shapes of {@link #layout}, float32 or
   *     bfloat16, all alike
   */
  QwenImageVae(Kernels kernels, NDManager manager, VaeConfig config, Map<String, NDArray> weights) {
    this.kernels = kernels;
    this.manager = manager.newSubManager();
    try {
      this.encoder = stages(VaeLayers.encoder(config), weights);
      this.decoder = stages(VaeLayers.decoder(config), weights);
      this.mean = perChannel(config.latents().mean());
      this.std = perChannel(config.latents().std());
    } catch (RuntimeException e) {
      this.manager.close();
      throw e;
    }
  }

  private List<Stage> stages(List<VaeLayer> layers, Map<String, NDArray> weights) {
    List<Stage> stages = new ArrayList<>();
    for (VaeLayer layer : layers) {
      List<NDArray> own = new ArrayList<>();
      for (VaeLayer.Weight weight : layer.weights()) {
        NDArray given = Objects.requireNonNull(weights.get(weight.name()), weight.name());
        own.add(TensorScope.own(kernels.one("vae_weight", given), manager));
      }
      stages.add(new Stage(layer.kernel(), own));
    }
    return stages;
  }

  /** (C, 1, 1). */
  private NDArray perChannel(List<Double> numbers) {
    float[] values = new float[numbers.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = numbers.get(i).floatValue();
    }
    return TensorScope.own(manager.create(values, new Shape(values.length, 1, 1)), manager);
  }

  /** The names and shapes of all tensors of the file. */
  static SequencedMap<String, List<Long>> layout(VaeConfig config) {
    SequencedMap<String, List<Long>> layout = new LinkedHashMap<>();
    layers(config)
        .flatMap(layer -> Stream.concat(layer.weights().stream(), layer.unused().stream()))
        .forEach(weight -> layout.put(weight.name(), weight.shape()));
    return layout;
  }

  /** The names of those tensors that images need. */
  static List<String> needed(VaeConfig config) {
    return layers(config)
        .flatMap(layer -> layer.weights().stream())
        .map(VaeLayer.Weight::name)
        .toList();
  }

  private static Stream<VaeLayer> layers(VaeConfig config) {
    return Stream.of(VaeLayers.encoder(config), VaeLayers.decoder(config)).flatMap(List::stream);
  }

  /**
   * The pictures of the transformer's latents.
   *
   * @param packed (k, S, 4·C), S = h / 2 · w / 2
   * @param height h, cells
   * @param width w, cells
   * @return (k, 3, H, W) in [0, 1]
   */
  NDArray images(NDArray packed, int height, int width) {
    try (TensorScope scope = new TensorScope()) {
      NDArray latents = denormalise(PackedLatents.unpack(packed, height, width));
      return scope.keep(kernels.one("vae_image", decode(latents)));
    }
  }

  /**
   * Latents to images.
   *
   * @param latents (k, C, h, w) of the encoder's scale
   * @return (k, 3, H, W) in [−1, 1]
   */
  NDArray decode(NDArray latents) {
    return through(decoder, latents, "vae_pixels");
  }

  /**
   * Images to latents.
   *
   * @param images (k, 3, H, W) in [−1, 1]
   * @return the means (k, C, h, w) of the latents' distributions
   */
  NDArray encode(NDArray images) {
    return through(encoder, images, "vae_mean");
  }

  private NDArray through(List<Stage> stages, NDArray input, String last) {
    try (TensorScope scope = new TensorScope()) {
      NDArray features =
          kernels.one(stages.getFirst().kernel(), input, stages.getFirst().weights());
      for (Stage stage : stages.subList(1, stages.size())) {
        NDArray next = kernels.one(stage.kernel(), features, stage.weights());
        // At full resolution each of them is large: the scope's end would be late.
        features.close();
        features = next;
      }
      return scope.keep(kernels.one(last, features));
    }
  }

  /** From the encoder's scale (k, C, h, w) to the transformer's, mean 0 and deviation 1. */
  NDArray normalise(NDArray latents) {
    return kernels.one("vae_normalise", latents, mean, std);
  }

  /** From the transformer's scale (k, C, h, w) to the encoder's. */
  NDArray denormalise(NDArray latents) {
    return kernels.one("vae_denormalise", latents, mean, std);
  }

  @Override
  public void close() {
    manager.close();
  }
}
