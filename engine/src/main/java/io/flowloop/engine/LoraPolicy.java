package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.LoraConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * Low-rank adapters on some layers: their weights become W + (alpha / rank)·B·A, and A and B alone
 * are trained (arXiv:2106.09685). The reference is the network with the adapters off.
 *
 * <p>Adapters are merged into the weights that the network computes with, after each optimiser
 * step, so that the policy, the engines and the kernels know nothing of them. With the gradient G
 * of a merged weight, B's is (alpha / rank)·G·Aᵀ and A's (alpha / rank)·Bᵀ·G.
 */
public final class LoraPolicy implements Policy {

  private static final String WEIGHT = ".weight";

  private final Pipeline pipeline;
  private final List<Adapter> adapters = new ArrayList<>();
  private final SequencedMap<String, NDArray> parameters = new LinkedHashMap<>();
  private final SequencedMap<String, NDArray> merged = new LinkedHashMap<>();
  private final Pipeline.Denoiser denoiser;
  private final NDArray scale;

  /**
   * One adapted layer.
   *
   * @param base W (out, in), the pipeline's
   * @param a (rank, in)
   * @param b (out, rank)
   * @param weight W + (alpha / rank)·B·A
   */
  private record Adapter(NDArray base, NDArray a, NDArray b, NDArray weight) {}

  /**
   * Adapters that change nothing yet: B is 0, A normal with a variance of 1 / (3·in).
   *
   * @param seed of A
   * @throws EngineException if a target names no layer of the model
   */
  public LoraPolicy(Pipeline pipeline, LoraConfig lora, long seed) {
    this.pipeline = pipeline;
    this.scale = pipeline.manager().create((float) (lora.alpha() / lora.rank()));
    requireTargets(lora.targets());
    layers()
        .forEach(
            (layer, weight) -> {
              if (lora.targets().stream().anyMatch(target -> endsWith(layer, target))) {
                adapt(layer, weight, lora.rank(), seed);
              }
            });
    this.denoiser = pipeline.denoiser(merged);
  }

  private void requireTargets(List<String> targets) {
    for (String target : targets) {
      if (layers().keySet().stream().noneMatch(layer -> endsWith(layer, target))) {
        throw new EngineException(
            "update.lora.targets: %s (expected: the end of a layer's name, such as one of %s)"
                .formatted(target, lastNames()));
      }
    }
  }

  /** The weights that can be adapted, by the name of their layer. */
  private SequencedMap<String, NDArray> layers() {
    SequencedMap<String, NDArray> layers = new LinkedHashMap<>();
    pipeline
        .weights()
        .forEach(
            (name, weight) -> {
              if (name.endsWith(WEIGHT) && weight.getShape().dimension() == 2) {
                layers.put(name.substring(0, name.length() - WEIGHT.length()), weight);
              }
            });
    return layers;
  }

  /**
   * {@code to_out} of {@code blocks.0.image.to_out}, {@code mlp.0} of {@code blocks.0.image.mlp.0}.
   */
  private List<String> lastNames() {
    return layers().keySet().stream()
        .map(layer -> layer.replaceFirst("^.*\\.(?=[^.]*[a-z][^.]*(\\.\\d+)?$)", ""))
        .distinct()
        .toList();
  }

  private static boolean endsWith(String layer, String target) {
    return ("." + layer).endsWith("." + target);
  }

  private void adapt(String layer, NDArray base, int rank, long seed) {
    long out = base.getShape().get(0);
    long in = base.getShape().get(1);
    float[] normals =
        Noise.normals(seed, Noise.Use.WEIGHTS, adapters.size(), Math.toIntExact(rank * in));
    for (int i = 0; i < normals.length; i++) {
      normals[i] = (float) (normals[i] / Math.sqrt(3.0 * in));
    }
    NDArray a = pipeline.manager().create(normals, new Shape(rank, in));
    NDArray b = pipeline.manager().zeros(new Shape(out, rank));
    NDArray weight = base.duplicate();
    weight.setRequiresGradient(true);
    parameters.put(layer + ".lora_A.weight", a);
    parameters.put(layer + ".lora_B.weight", b);
    merged.put(layer + WEIGHT, weight);
    adapters.add(new Adapter(base, a, b, weight));
  }

  @Override
  public Pipeline.Denoiser denoiser() {
    return denoiser;
  }

  @Override
  public Pipeline.Denoiser reference() {
    return pipeline.denoiser();
  }

  @Override
  public SequencedMap<String, NDArray> parameters() {
    return parameters;
  }

  @Override
  public List<NDArray> gradients() {
    List<NDArray> gradients = new ArrayList<>();
    for (Adapter adapter : adapters) {
      NDList both =
          pipeline
              .kernels()
              .run(
                  "lora_gradients",
                  adapter.weight().getGradient(),
                  adapter.a(),
                  adapter.b(),
                  scale);
      gradients.addAll(both);
    }
    return gradients;
  }

  @Override
  public void clearGradients() {
    Gradients.clear(merged.values());
  }

  @Override
  public void applyParameters() {
    try (TensorScope _ = new TensorScope()) {
      for (Adapter adapter : adapters) {
        pipeline
            .kernels()
            .run("lora_merge", adapter.weight(), adapter.base(), adapter.a(), adapter.b(), scale);
      }
    }
  }

  @Override
  public SequencedMap<String, NDArray> weights() {
    return merged;
  }

  @Override
  public SequencedMap<String, NDArray> weights(List<NDArray> values) {
    SequencedMap<String, NDArray> weights = new LinkedHashMap<>();
    List<String> names = List.copyOf(merged.keySet());
    for (int i = 0; i < names.size(); i++) {
      NDArray a = values.get(2 * i);
      NDArray b = values.get(2 * i + 1);
      weights.put(
          names.get(i), pipeline.kernels().one("lora_weight", adapters.get(i).base(), a, b, scale));
    }
    return weights;
  }

  @Override
  public void close() {
    parameters.values().forEach(NDArray::close);
    merged.values().forEach(NDArray::close);
    scale.close();
  }
}
