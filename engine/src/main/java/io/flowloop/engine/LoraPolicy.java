package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.LoraConfig;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Low-rank adapters on some layers: what a layer answers to x gets (alpha / rank)·(x·Aᵀ)·Bᵀ added,
 * and A and B alone are trained (arXiv:2106.09685). The reference is the network without them.
 *
 * <p>Adapters stand beside the weights, which nobody copies. The factor alpha / rank is part of the
 * B that the network computes with, and that engines get: the parameter times the factor, made anew
 * after each optimiser step.
 */
public final class LoraPolicy implements Policy {

  private final Pipeline pipeline;
  private final List<Adapter> adapters = new ArrayList<>();
  private final SequencedMap<String, NDArray> parameters = new LinkedHashMap<>();
  private final SequencedMap<String, NDArray> weights = new LinkedHashMap<>();
  private final Pipeline.Denoiser denoiser;
  private final double scale;

  /**
   * One adapted layer.
   *
   * @param a (rank, in)
   * @param b (out, rank), the parameter
   * @param scaled (out, rank), (alpha / rank)·B
   */
  private record Adapter(NDArray a, NDArray b, NDArray scaled) {}

  /**
   * Adapters that change nothing yet: B is 0, A normal with a variance of 1 / (3·in).
   *
   * @param seed of A
   * @throws EngineException if a target names no layer of the model
   */
  public LoraPolicy(Pipeline pipeline, LoraConfig lora, long seed) {
    this(pipeline, lora, seed, Collections.emptySortedMap());
  }

  /**
   * Adapters to go on from.
   *
   * @param seed of A where nothing is given
   * @param given the weights of a policy as engines get them, of the very layers that are adapted;
   *     none for adapters that change nothing yet
   * @throws EngineException if a target names no layer of the model, or what is given has other
   *     layers or another rank
   */
  public LoraPolicy(
      Pipeline pipeline, LoraConfig lora, long seed, SortedMap<String, HostTensor> given) {
    this.pipeline = pipeline;
    this.scale = lora.alpha() / lora.rank();
    requireTargets(lora.targets());
    SequencedMap<String, Pipeline.Layer> adapted = new LinkedHashMap<>(pipeline.layers());
    adapted
        .keySet()
        .removeIf(name -> lora.targets().stream().noneMatch(target -> endsWith(name, target)));
    if (!given.isEmpty()) {
      requireSame(adapted, lora.rank(), given);
    }
    adapted.forEach((name, layer) -> adapt(name, layer, lora.rank(), seed));
    if (!given.isEmpty()) {
      DeviceWeights.load(pipeline.kernels(), weights, given);
      takeParameters();
    }
    this.denoiser = pipeline.denoiser(weights);
  }

  private static void requireSame(
      Map<String, Pipeline.Layer> adapted, int rank, SortedMap<String, HostTensor> given) {
    Map<String, List<Long>> expected = new TreeMap<>();
    adapted.forEach(
        (name, layer) -> {
          expected.put(LowRank.a(name), List.of((long) rank, layer.in()));
          expected.put(LowRank.b(name), List.of(layer.out(), (long) rank));
        });
    SortedSet<String> names = new TreeSet<>(expected.keySet());
    names.addAll(given.keySet());
    List<String> problems = new ArrayList<>();
    for (String name : names) {
      HostTensor tensor = given.get(name);
      List<Long> shape = expected.get(name);
      if (tensor == null || shape == null || !tensor.shape().equals(shape)) {
        problems.add(
            "%s of shape %s (expected: %s)"
                .formatted(
                    name,
                    tensor == null ? "none" : tensor.shape(),
                    shape == null ? "none" : shape));
      }
    }
    if (!problems.isEmpty()) {
      throw new EngineException(
          "the adapter to go on from is of other layers than update.lora: %d tensors differ, %s%s"
                  .formatted(
                      problems.size(),
                      String.join("; ", problems.subList(0, Math.min(3, problems.size()))),
                      problems.size() > 3 ? " …" : "")
              + "; set update.lora.rank and update.lora.targets to those of model.adapter");
    }
  }

  /** Makes the parameters those of the weights. */
  private void takeParameters() {
    try (TensorScope _ = new TensorScope()) {
      for (Adapter adapter : adapters) {
        pipeline.kernels().run("assign", adapter.b(), adapter.scaled().div(scale));
      }
    }
  }

  /** The weights of adapters that change nothing yet, as engines get them. */
  public static PolicyWeights initial(Pipeline pipeline, LoraConfig lora, long seed) {
    try (LoraPolicy policy = new LoraPolicy(pipeline, lora, seed)) {
      return PolicyWeights.of(0, DeviceWeights.read(policy.weights(), policy.weights().keySet()));
    }
  }

  private void requireTargets(List<String> targets) {
    for (String target : targets) {
      if (pipeline.layers().keySet().stream().noneMatch(layer -> endsWith(layer, target))) {
        throw new EngineException(
            "update.lora.targets: %s (expected: the end of a layer's name, such as one of %s)"
                .formatted(target, lastNames()));
      }
    }
  }

  /**
   * {@code to_out} of {@code blocks.0.image.to_out}, {@code mlp.0} of {@code blocks.0.image.mlp.0}.
   */
  private List<String> lastNames() {
    return pipeline.layers().keySet().stream()
        .map(layer -> layer.replaceFirst("^.*\\.(?=[^.]*[a-z][^.]*(\\.\\d+)?$)", ""))
        .distinct()
        .toList();
  }

  private static boolean endsWith(String layer, String target) {
    return ("." + layer).endsWith("." + target);
  }

  private void adapt(String name, Pipeline.Layer layer, int rank, long seed) {
    float[] normals =
        Noise.normals(seed, Noise.Use.WEIGHTS, adapters.size(), Math.toIntExact(rank * layer.in()));
    for (int i = 0; i < normals.length; i++) {
      normals[i] = (float) (normals[i] / Math.sqrt(3.0 * layer.in()));
    }
    NDArray a = pipeline.manager().create(normals, new Shape(rank, layer.in()));
    NDArray b = pipeline.manager().zeros(new Shape(layer.out(), rank));
    NDArray scaled = pipeline.manager().zeros(new Shape(layer.out(), rank));
    a.setRequiresGradient(true);
    scaled.setRequiresGradient(true);
    parameters.put(LowRank.a(name), a);
    parameters.put(LowRank.b(name), b);
    weights.put(LowRank.a(name), a);
    weights.put(LowRank.b(name), scaled);
    adapters.add(new Adapter(a, b, scaled));
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
      gradients.add(adapter.a().getGradient());
      gradients.add(scaled(adapter.scaled().getGradient()));
    }
    return gradients;
  }

  @Override
  public void clearGradients() {
    Gradients.clear(weights.values());
  }

  @Override
  public void applyParameters() {
    try (TensorScope _ = new TensorScope()) {
      for (Adapter adapter : adapters) {
        pipeline.kernels().run("assign", adapter.scaled(), scaled(adapter.b()));
      }
    }
    denoiser.release();
  }

  private NDArray scaled(NDArray b) {
    return b.mul(scale);
  }

  @Override
  public SequencedMap<String, NDArray> weights() {
    return weights;
  }

  @Override
  public SequencedMap<String, NDArray> weights(List<NDArray> values) {
    SequencedMap<String, NDArray> made = new LinkedHashMap<>();
    List<String> names = List.copyOf(weights.keySet());
    for (int i = 0; i < names.size(); i += 2) {
      made.put(names.get(i), values.get(i));
      made.put(names.get(i + 1), scaled(values.get(i + 1)));
    }
    return made;
  }

  @Override
  public void close() {
    adapters.forEach(
        adapter -> {
          adapter.a().close();
          adapter.b().close();
          adapter.scaled().close();
        });
  }
}
