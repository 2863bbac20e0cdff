package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoraPolicyTest {

  private static final int RANK = 2;
  private static final double SCALE = 1.5;
  private static final LoraConfig LORA =
      new LoraConfig(
          RANK, SCALE * RANK, List.of("to_qkv", "mlp.0", "to_out", "mlp.2", "mod", "proj"));
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
      assertThat(fresh.weights().keySet())
          .hasSize(2 * 2 * 5 + 2)
          .contains("blocks.0.image.to_qkv.weight", "output.proj.weight")
          .doesNotContain("time_embed.0.weight");
      assertThat(fresh.parameters()).hasSize(2 * fresh.weights().size());
      fresh
          .weights()
          .forEach((name, weight) -> assertThat(weight.toFloatArray()).isEqualTo(base(name)));
    }
  }

  @Test
  void applyParameters_adaptersThatChangeSomething_mergesThem() {
    Map<String, double[]> adapters = adapters();

    policy
        .weights()
        .forEach(
            (name, weight) -> {
              double[] expected = merged(adapters, name);
              float[] actual = weight.toFloatArray();
              assertThat(actual).as(name).isNotEqualTo(base(name));
              for (int i = 0; i < actual.length; i++) {
                assertThat((double) actual[i]).isCloseTo(expected[i], within(1e-6));
              }
            });
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
    policy.weights().keySet().forEach(name -> twin.set(name, merged(adapters, name)));
    double[] velocity = twin.velocity(LATENTS, SIGMA, PROMPT);
    double sum = 0;
    for (int i = 0; i < ROW; i++) {
      sum += velocity[i] * WEIGHTING[i];
    }
    return sum;
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

  private NDArray text() {
    return pipeline.textEncoder().encode(PROMPT).tokens();
  }

  private Map<String, double[]> adapters() {
    Map<String, double[]> adapters = new LinkedHashMap<>();
    policy
        .parameters()
        .forEach((name, tensor) -> adapters.put(name, doubles(tensor.toFloatArray())));
    return adapters;
  }

  /** W + (alpha / rank)·B·A. */
  private static double[] merged(Map<String, double[]> adapters, String name) {
    String layer = name.substring(0, name.length() - ".weight".length());
    double[] a = Objects.requireNonNull(adapters.get(layer + ".lora_A.weight"));
    double[] b = Objects.requireNonNull(adapters.get(layer + ".lora_B.weight"));
    double[] merged = doubles(base(name));
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

  private static double[] doubles(float[] values) {
    double[] doubles = new double[values.length];
    for (int i = 0; i < doubles.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }
}
