package io.flowloop.engine;

import static io.flowloop.engine.TwinArithmetic.doubles;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.LoraConfig;
import io.flowloop.engine.glyph.CentralDifferences;
import io.flowloop.engine.glyph.GlyphPipeline;
import io.flowloop.engine.glyph.GlyphTwin;
import io.flowloop.engine.glyph.GlyphWeights;
import io.flowloop.engine.glyph.TinyGlyph;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoraPolicyTest {

  private static final int RANK = 2;
  private static final double SCALE = 1.5;
  private static final LoraConfig LORA =
      new LoraConfig(RANK, SCALE * RANK, List.of("to_qkv", "mlp.0", "to_out", "mlp.2"));
  private static final int ROW = TinyGlyph.HEIGHT * TinyGlyph.WIDTH;
  private static final String PROMPT = "\"7382\"";
  private static final float SIGMA = 0.625f;
  private static final float[] LATENTS = Noise.normals(3, Noise.Use.INITIAL_LATENTS, 0, ROW);
  private static final float[] WEIGHTING = Noise.normals(4, Noise.Use.INITIAL_LATENTS, 0, ROW);

  private static final GlyphWeights BASE = TinyGlyph.weights();

  private final GlyphPipeline pipeline = TinyGlyph.pipeline(BASE);
  private final LoraPolicy policy = new LoraPolicy(pipeline, LORA, 3);

  @BeforeEach
  void openAdapters() {
    int[] index = {0};
    policy
        .parameters()
        .forEach(
            (name, parameter) -> {
              if (name.endsWith(".lora_B.weight")) {
                int count = Math.toIntExact(parameter.size());
                parameter.set(Noise.normals(5, Noise.Use.WEIGHTS, index[0]++, count));
              }
            });
    policy.applyParameters();
  }

  @AfterEach
  void close() {
    policy.close();
    pipeline.close();
  }

  @Test
  void create_anyTargets_changesNothingYet() {
    try (LoraPolicy fresh = new LoraPolicy(pipeline, LORA, 3)) {
      assertThat(fresh.parameters().keySet())
          .hasSize(2 * 2 * 2 * 4)
          .contains("blocks.0.image.to_qkv.lora_A.weight", "blocks.1.text.mlp.2.lora_B.weight");
      assertThat(velocity(fresh.denoiser())).isEqualTo(velocity(fresh.reference()));
    }
  }

  @Test
  void velocity_adaptersThatChangeSomething_isThatOfMergedWeights() {
    GlyphTwin twin = TinyGlyph.twin(BASE);
    merge(twin, adapters());

    double[] merged = twin.velocity(LATENTS, SIGMA, PROMPT);

    float[] beside = velocity(policy.denoiser());
    for (int i = 0; i < merged.length; i++) {
      assertThat((double) beside[i]).isCloseTo(merged[i], within(2e-5));
    }
  }

  @Test
  void load_policysWeights_drawsWithTheBitsOfThePolicy() {
    try (PipelineEngine engine = new PipelineEngine(TinyGlyph.pipeline(BASE), 4)) {
      PolicyWeights weights =
          PolicyWeights.of(1, DeviceWeights.read(policy.weights(), policy.weights().keySet()));

      assertThat(engine.load(weights)).isEqualTo(weights.checksum());

      DrawnPolicy drawn = new DrawnPolicy(pipeline);
      assertThat(velocity(drawn.denoiser())).isEqualTo(velocity(policy.reference()));
      drawn.load(weights.tensors());
      assertThat(velocity(drawn.denoiser())).isEqualTo(velocity(policy.denoiser()));
    }
  }

  @Test
  void create_weightsOfAnother_goesOnFromThem() {
    SortedMap<String, HostTensor> given =
        DeviceWeights.read(policy.weights(), policy.weights().keySet());

    try (LoraPolicy resumed = new LoraPolicy(pipeline, LORA, 8, given)) {
      assertThat(velocity(resumed.denoiser())).isEqualTo(velocity(policy.denoiser()));
      policy
          .parameters()
          .forEach(
              (name, parameter) ->
                  assertThat(Objects.requireNonNull(resumed.parameters().get(name)).toFloatArray())
                      .as(name)
                      .containsExactly(parameter.toFloatArray(), within(1e-6f)));
    }
  }

  @Test
  void create_weightsOfOtherLayers_isRefused() {
    SortedMap<String, HostTensor> given =
        DeviceWeights.read(policy.weights(), policy.weights().keySet());

    assertThatThrownBy(
            () -> new LoraPolicy(pipeline, new LoraConfig(RANK, 4, List.of("to_out")), 8, given))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("blocks.0.image.mlp.0.lora_A.weight of shape [%d, 16]", RANK)
        .hasMessageContaining("(expected: none)")
        .hasMessageEndingWith(
            "set update.lora.rank and update.lora.targets to those of model.adapter");
  }

  @Test
  void load_adaptersOfAnotherModel_namesThemAndChangesNothing() {
    DrawnPolicy drawn = new DrawnPolicy(pipeline);
    SortedMap<String, HostTensor> foreign =
        new TreeMap<>(
            Map.of(
                "blocks.7.image.to_out.lora_A.weight",
                new HostTensor(List.of(1L, 2L), new float[2]),
                "blocks.0.image.to_out.lora_A.weight",
                new HostTensor(List.of(1L, 2L), new float[2])));

    assertThatThrownBy(() -> drawn.load(foreign))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("adapter of blocks.0.image.to_out with shapes [1, 2] and none")
        .hasMessageContaining("blocks.7.image.to_out.lora_A.weight (expected: an adapter of one of")
        .hasMessageEndingWith("these are of another model");
    assertThat(velocity(drawn.denoiser())).isEqualTo(velocity(policy.reference()));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void gradients_adaptersThatChangeSomething_areTheSlopesOfTheTwin(boolean checkpointed) {
    GlyphTwin twin = TinyGlyph.twin(BASE);
    Map<String, double[]> adapters = adapters();

    CentralDifferences.assertGradients(
        gradients(checkpointed),
        name -> Objects.requireNonNull(adapters.get(name)),
        () -> weighted(twin, adapters),
        3,
        1e-4);
  }

  /** Σ v·r, v the velocity of a network with these adapters and r constant. */
  private double weighted(GlyphTwin twin, Map<String, double[]> adapters) {
    merge(twin, adapters);
    double[] velocity = twin.velocity(LATENTS, SIGMA, PROMPT);
    double sum = 0;
    for (int i = 0; i < ROW; i++) {
      sum += velocity[i] * WEIGHTING[i];
    }
    return sum;
  }

  /** Gives the twin W + (alpha / rank)·B·A. */
  private static void merge(GlyphTwin twin, Map<String, double[]> adapters) {
    adapters.keySet().stream()
        .map(LowRank::layer)
        .distinct()
        .forEach(layer -> twin.set(layer + ".weight", merged(adapters, layer)));
  }

  private Map<String, float[]> gradients(boolean checkpointed) {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    try (TensorScope _ = new TensorScope()) {
      Pipeline.Denoiser.Recording forward =
          checkpointed
              ? policy.denoiser().checkpointed(latents(LATENTS), sigma(), 0, text())
              : policy.denoiser().recorded(latents(LATENTS), sigma(), 0, text());
      forward.backward().accept(latents(WEIGHTING));
      List<NDArray> tensors = policy.gradients();
      policy
          .parameters()
          .keySet()
          .forEach(name -> gradients.put(name, tensors.get(gradients.size()).toFloatArray()));
    }
    return gradients;
  }

  @Test
  void reference_anyAdapters_isTheNetworkWithoutThem() {
    float[] reference = velocity(policy.reference());

    assertThat(reference).isNotEqualTo(velocity(policy.denoiser()));
    try (LoraPolicy fresh = new LoraPolicy(pipeline, LORA, 3)) {
      assertThat(reference).isEqualTo(velocity(fresh.denoiser()));
    }
    pipeline
        .weights()
        .forEach(
            (name, weight) -> assertThat(weight.toFloatArray()).as(name).isEqualTo(base(name)));
  }

  private float[] velocity(Pipeline.Denoiser denoiser) {
    try (TensorScope _ = new TensorScope()) {
      NDArray conditioning = denoiser.conditioning(sigma()).getFirst();
      return denoiser.velocity(latents(LATENTS), conditioning, text()).toFloatArray();
    }
  }

  private NDArray latents(float[] values) {
    Pipeline.LatentShape latent = pipeline.latentShape();
    return pipeline.manager().create(values, new Shape(1, latent.tokens(), latent.channels()));
  }

  private NDArray sigma() {
    return pipeline.manager().create(new float[] {SIGMA});
  }

  private Pipeline.Text text() {
    return Pipeline.Text.of(pipeline.textEncoder().encode(PROMPT).tokens());
  }

  private Map<String, double[]> adapters() {
    Map<String, double[]> adapters = new LinkedHashMap<>();
    policy
        .parameters()
        .forEach((name, tensor) -> adapters.put(name, doubles(tensor.toFloatArray())));
    return adapters;
  }

  private static double[] merged(Map<String, double[]> adapters, String layer) {
    double[] a = Objects.requireNonNull(adapters.get(layer + ".lora_A.weight"));
    double[] b = Objects.requireNonNull(adapters.get(layer + ".lora_B.weight"));
    double[] merged = doubles(base(layer + ".weight"));
    int in = a.length / RANK;
    for (int i = 0; i < merged.length; i++) {
      for (int r = 0; r < RANK; r++) {
        merged[i] += SCALE * b[i / in * RANK + r] * a[r * in + i % in];
      }
    }
    return merged;
  }

  private static float[] base(String name) {
    return Objects.requireNonNull(BASE.tensors().get(name), name);
  }
}
