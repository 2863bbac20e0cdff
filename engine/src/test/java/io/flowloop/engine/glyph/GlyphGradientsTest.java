package io.flowloop.engine.glyph;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.engine.FullPolicy;
import io.flowloop.engine.Noise;
import io.flowloop.engine.Pipeline.Denoiser;
import io.flowloop.engine.TensorScope;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
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
  void backward_rowsOfOtherPromptsAndSigmas_leavesTheSlopesOfTheTwin(boolean checkpointed) {
    GlyphTwin twin = TinyGlyph.twin(TinyGlyph.weights());

    CentralDifferences.assertGradients(
        gradients(checkpointed), twin::weight, () -> weighted(twin), 5, 1e-4);
  }

  private static double weighted(GlyphTwin twin) {
    double sum = 0;
    for (int row = 0; row < PROMPTS.length; row++) {
      float[] latents = Arrays.copyOfRange(LATENTS, row * ROW, (row + 1) * ROW);
      double[] velocity = twin.velocity(latents, SIGMAS[row], PROMPTS[row]);
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
                assertThat(gradient[i]).as(name).isEqualTo(2 * once.get(name)[i]);
              }
            });
  }

  private Map<String, float[]> gradients(boolean checkpointed) {
    backward(checkpointed);
    return taken();
  }

  private void backward(boolean checkpointed) {
    try (TensorScope _ = new TensorScope()) {
      Shape shape = new Shape(PROMPTS.length, ROW / TinyGlyph.CONFIG.channels(), -1);
      NDArray latents = pipeline.manager().create(LATENTS).reshape(shape);
      NDArray sigmas = pipeline.manager().create(SIGMAS);
      NDArray text =
          pipeline
              .textEncoder()
              .encode(PROMPTS[0])
              .tokens()
              .concat(pipeline.textEncoder().encode(PROMPTS[1]).tokens());
      Denoiser.Recording forward =
          checkpointed
              ? policy.denoiser().checkpointed(latents, sigmas, text)
              : policy.denoiser().recorded(latents, sigmas, text);
      forward.backward().accept(pipeline.manager().create(WEIGHTING).reshape(shape));
    }
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
