package io.flowloop.engine.glyph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.engine.FullPolicy;
import io.flowloop.engine.Gradients;
import io.flowloop.engine.Mmdit;
import io.flowloop.engine.Noise;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.Pipeline.Denoiser;
import io.flowloop.engine.TensorScope;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The gradient of Σ v·r, r constant, with respect to the weights of {@link GlyphTransformer}. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GlyphGradientsTest {

  private static final int ROW = TinyGlyph.HEIGHT * TinyGlyph.WIDTH;
  private static final String[] PROMPTS = {"\"7382\"", "\"05\""};
  private static final float[] SIGMAS = {0.875f, 0.25f};
  private static final int STEP = 1;
  private static final float[] LATENTS =
      Noise.normals(3, Noise.Use.INITIAL_LATENTS, 0, PROMPTS.length * ROW);
  private static final float[] WEIGHTING =
      Noise.normals(4, Noise.Use.INITIAL_LATENTS, 0, PROMPTS.length * ROW);

  private GlyphPipeline pipeline;
  private FullPolicy policy;

  @BeforeAll
  void open() {
    pipeline = TinyGlyph.pipeline(TinyGlyph.weights());
    policy = new FullPolicy(pipeline);
  }

  @AfterAll
  void close() {
    policy.close();
    pipeline.close();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void backward_rowsOfOtherPrompts_leavesTheSlopesOfTheTwin(boolean checkpointed) {
    GlyphTwin twin = TinyGlyph.twin(TinyGlyph.weights());

    CentralDifferences.assertGradients(
        gradients(checkpointed), twin::weight, () -> weighted(twin), 5, 1e-4);
  }

  private static double weighted(GlyphTwin twin) {
    double sum = 0;
    for (int row = 0; row < PROMPTS.length; row++) {
      float[] latents = Arrays.copyOfRange(LATENTS, row * ROW, (row + 1) * ROW);
      double[] velocity = twin.velocity(latents, SIGMAS[STEP], PROMPTS[row]);
      for (int i = 0; i < ROW; i++) {
        sum += velocity[i] * WEIGHTING[row * ROW + i];
      }
    }
    return sum;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void backward_textThatLeavesTheLastBlock_isNotLearnedFrom(boolean checkpointed) {
    Map<String, float[]> gradients = gradients(checkpointed);
    String last = "blocks." + (TinyGlyph.CONFIG.depth() - 1) + ".text.";

    assertThat(gradients.entrySet().stream().filter(entry -> isZero(entry.getValue())))
        .extracting(Map.Entry::getKey)
        .containsExactly(
            last + "norm_q.weight",
            last + "to_out.weight",
            last + "to_out.bias",
            last + "mlp.0.weight",
            last + "mlp.0.bias",
            last + "mlp.2.weight",
            last + "mlp.2.bias");
  }

  private static boolean isZero(float[] values) {
    for (float value : values) {
      if (value != 0) {
        return false;
      }
    }
    return true;
  }

  @Test
  void backward_checkpointedBlocks_leaveTheBitsOfTheWholeGraph() {
    Map<String, float[]> whole = gradients(false);

    gradients(true)
        .forEach((name, gradient) -> assertThat(gradient).as(name).isEqualTo(whole.get(name)));
  }

  @Test
  void backward_twice_addsUp() {
    Map<String, float[]> once = gradients(false);
    backward(true);
    backward(true);

    taken()
        .forEach(
            (name, gradient) -> {
              for (int i = 0; i < gradient.length; i++) {
                assertThat(gradient[i])
                    .as(name)
                    .isEqualTo(2 * Objects.requireNonNull(once.get(name))[i]);
              }
            });
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void backward_everyNumber_isThatOfTheTwinInTensorOperators(boolean checkpointed) {
    Map<String, float[]> expected = twinGradients(new float[] {SIGMAS[STEP]});

    gradients(checkpointed)
        .forEach(
            (name, gradient) ->
                assertClose(gradient, Objects.requireNonNull(expected.get(name)), name));
  }

  @Test
  void backward_rowsOfOtherSigmas_isThatOfTheTwinInTensorOperators() {
    Map<String, float[]> expected = twinGradients(SIGMAS);
    Mmdit network = (Mmdit) policy.denoiser();
    try (TensorScope _ = new TensorScope()) {
      NDArray velocity =
          Gradients.recorded(
              () -> network.velocity(rows(LATENTS), network.modulation(sigmas()), text()));
      Gradients.backward(velocity, rows(WEIGHTING));
    }

    taken()
        .forEach(
            (name, gradient) ->
                assertClose(gradient, Objects.requireNonNull(expected.get(name)), name));
  }

  /** To 1e-4 of the largest number. */
  private static void assertClose(float[] actual, float[] expected, String name) {
    double largest = 0;
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      largest = Math.max(largest, Math.abs((double) expected[i]));
      difference = Math.max(difference, Math.abs((double) actual[i] - expected[i]));
    }
    assertThat(actual).as(name).hasSameSizeAs(expected);
    assertThat(difference).as(name).isLessThanOrEqualTo(1e-4 * largest);
  }

  @Test
  void velocity_eachNumber_isThatOfTheTwinInTensorOperators() {
    try (TensorScope _ = new TensorScope()) {
      float[] twin = ndTwin().velocity(rows(LATENTS), sigma(), tokens()).toFloatArray();
      Denoiser denoiser = policy.denoiser();
      NDArray conditioning = denoiser.conditioning(sigmas()).get(STEP);
      float[] actual = denoiser.velocity(rows(LATENTS), conditioning, text()).toFloatArray();

      assertThat(actual).containsExactly(twin, within(2e-5f));
    }
  }

  private Map<String, float[]> twinGradients(float[] levels) {
    try (TensorScope _ = new TensorScope()) {
      NDArray velocity =
          Gradients.recorded(
              () -> ndTwin().velocity(rows(LATENTS), pipeline.manager().create(levels), tokens()));
      Gradients.backward(velocity, rows(WEIGHTING));
    }
    return taken();
  }

  private GlyphNdTwin ndTwin() {
    return new GlyphNdTwin(
        TinyGlyph.CONFIG,
        policy.parameters(),
        pipeline.manager(),
        TinyGlyph.HEIGHT / TinyGlyph.CONFIG.patch(),
        TinyGlyph.WIDTH / TinyGlyph.CONFIG.patch());
  }

  private Map<String, float[]> gradients(boolean checkpointed) {
    backward(checkpointed);
    return taken();
  }

  private void backward(boolean checkpointed) {
    try (TensorScope _ = new TensorScope()) {
      Denoiser.Recording forward =
          checkpointed
              ? policy.denoiser().checkpointed(rows(LATENTS), sigmas(), STEP, text())
              : policy.denoiser().recorded(rows(LATENTS), sigmas(), STEP, text());
      forward.backward().accept(rows(WEIGHTING));
    }
  }

  /** (k, S, C). */
  private NDArray rows(float[] values) {
    Pipeline.LatentShape latent = pipeline.latentShape();
    return pipeline
        .manager()
        .create(values, new Shape(PROMPTS.length, latent.tokens(), latent.channels()));
  }

  private NDArray sigma() {
    return pipeline.manager().create(new float[] {SIGMAS[STEP]});
  }

  private NDArray sigmas() {
    return pipeline.manager().create(SIGMAS);
  }

  private Pipeline.Text text() {
    return Pipeline.Text.of(tokens());
  }

  private NDArray tokens() {
    Pipeline.TextEncoder encoder = pipeline.textEncoder();
    return encoder.encode(PROMPTS[0]).tokens().concat(encoder.encode(PROMPTS[1]).tokens());
  }

  /** What backward left, which is forgotten by this. */
  private Map<String, float[]> taken() {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    try (TensorScope _ = new TensorScope()) {
      policy
          .parameters()
          .forEach((name, weight) -> gradients.put(name, weight.getGradient().toFloatArray()));
      policy.clearGradients();
    }
    return gradients;
  }
}
