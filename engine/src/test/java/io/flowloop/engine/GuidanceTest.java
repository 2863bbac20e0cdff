package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.engine.glyph.CentralDifferences;
import io.flowloop.engine.glyph.GlyphPipeline;
import io.flowloop.engine.glyph.GlyphTwin;
import io.flowloop.engine.glyph.TinyGlyph;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GuidanceTest {

  private static final int ROWS = 2;
  private static final int ROW = TinyGlyph.HEIGHT * TinyGlyph.WIDTH;
  private static final String PROMPT = "\"7382\"";
  private static final float SIGMA = 0.625f;
  private static final float[] LATENTS = Noise.normals(3, Noise.Use.INITIAL_LATENTS, 0, ROWS * ROW);
  private static final float[] WEIGHTING =
      Noise.normals(4, Noise.Use.INITIAL_LATENTS, 0, ROWS * ROW);

  @ParameterizedTest
  @ValueSource(doubles = {1, 3})
  void guided_anyScale_leavesTheSlopesOfTheTwin(double scale) {
    GlyphTwin twin = TinyGlyph.twin(TinyGlyph.weights());
    try (GlyphPipeline pipeline = TinyGlyph.pipeline(TinyGlyph.weights());
        Policy policy = new FullPolicy(pipeline)) {
      CentralDifferences.assertGradients(
          gradients(new Guidance(pipeline, scale), policy),
          twin::weight,
          () -> weighted(twin, scale),
          2,
          1e-4);
    }
  }

  /** Of Σ v·r, v the guided velocity and r constant. */
  private static Map<String, float[]> gradients(Guidance guidance, Policy policy) {
    Pipeline pipeline = guidance.pipeline();
    Map<String, float[]> gradients = new LinkedHashMap<>();
    try (TensorScope _ = new TensorScope()) {
      Pipeline.LatentShape latent = pipeline.latentShape();
      Shape shape = new Shape(ROWS, latent.tokens(), latent.channels());
      NDArray prompt = pipeline.textEncoder().encode(PROMPT).tokens();
      Pipeline.Denoiser.Recording forward =
          policy
              .denoiser()
              .recorded(
                  guidance.rowsOfLatents(pipeline.manager().create(LATENTS, shape)),
                  pipeline.manager().create(new float[] {SIGMA}),
                  0,
                  guidance.rowsOfText(guidance.conditioning(prompt), ROWS));
      NDArray velocity = forward.velocity().stopGradient();
      velocity.setRequiresGradient(true);
      NDArray guided = Gradients.recorded(() -> guidance.guided(velocity));
      Gradients.backward(guided, pipeline.manager().create(WEIGHTING, shape));
      forward.backward().accept(velocity.getGradient());
      policy
          .parameters()
          .forEach((name, weight) -> gradients.put(name, weight.getGradient().toFloatArray()));
    }
    return gradients;
  }

  private static double weighted(GlyphTwin twin, double scale) {
    double sum = 0;
    for (int row = 0; row < ROWS; row++) {
      float[] latents = Arrays.copyOfRange(LATENTS, row * ROW, (row + 1) * ROW);
      double[] velocity = twin.guided(latents, SIGMA, PROMPT, scale);
      for (int i = 0; i < ROW; i++) {
        sum += velocity[i] * WEIGHTING[row * ROW + i];
      }
    }
    return sum;
  }
}
