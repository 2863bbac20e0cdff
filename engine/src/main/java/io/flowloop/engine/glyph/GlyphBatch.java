package io.flowloop.engine.glyph;

import io.flowloop.config.PretrainConfig;
import io.flowloop.engine.Noise;
import io.flowloop.engine.Noise.Use;
import io.flowloop.engine.Pipeline.LatentShape;
import io.flowloop.engine.RgbImage;
import java.util.List;

/**
 * The training examples of one step: a pure function of the seed and the step.
 *
 * @param ids k·L token ids; all padding where the prompt was dropped
 * @param sigmas k noise levels
 * @param latents k·S·C numbers x_σ = (1 − σ)·x_0 + σ·ε
 * @param velocities k·S·C numbers ε − x_0
 */
record GlyphBatch(long[] ids, float[] sigmas, float[] latents, float[] velocities) {

  /** Uniform numbers that decide what one example shows: which number, and its style. */
  private static final int CHOICES = 5;

  /** Draws the examples of step {@code step}; sigma is logit-normal. */
  static GlyphBatch of(
      PretrainConfig settings,
      int step,
      GlyphRenderer renderer,
      int height,
      int width,
      int patch,
      LatentShape shape) {
    int k = settings.batchSize();
    int size = shape.size();
    long seed = settings.seed();
    long[] ids = new long[k * GlyphConfig.TEXT_TOKENS];
    float[] sigmas = Noise.normals(seed, Use.TRAINING_SIGMA, step, k);
    float[] latents = new float[k * size];
    float[] velocities = Noise.normals(seed, Use.TRAINING_NOISE, step, k * size);
    double[] choices = Noise.uniforms(seed, Use.TRAINING_DATA, step, k * CHOICES);
    double[] dropout = Noise.uniforms(seed, Use.PROMPT_DROPOUT, step, k);
    List<String> numbers = GlyphNumbers.training();
    for (int row = 0; row < k; row++) {
      String number = numbers.get((int) (choices[row * CHOICES] * numbers.size()));
      GlyphRenderer.Style style =
          GlyphRenderer.Style.of(choices, row * CHOICES + 1, renderer.fonts());
      RgbImage image = renderer.draw(number, style, height, width);
      GlyphPixels.latents(image, patch, latents, row * size);
      if (dropout[row] >= settings.promptDropout()) {
        long[] rowIds = GlyphTokenizer.ids('"' + number + '"');
        System.arraycopy(rowIds, 0, ids, row * rowIds.length, rowIds.length);
      }
      sigmas[row] = (float) (1 / (1 + StrictMath.exp(-sigmas[row])));
      for (int i = row * size; i < (row + 1) * size; i++) {
        float clean = latents[i];
        float noise = velocities[i];
        latents[i] = (1 - sigmas[row]) * clean + sigmas[row] * noise;
        velocities[i] = noise - clean;
      }
    }
    return new GlyphBatch(ids, sigmas, latents, velocities);
  }
}
