package io.flowloop.engine.glyph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.engine.Mmdit;
import io.flowloop.engine.Noise;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.TensorScope;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GlyphTransformerTest {

  private static final int TOKENS = 8;
  private static final int CHANNELS = 64;
  private static final String[] PROMPTS = {"\"7382\"", "\"05\""};
  private static final float[] SIGMAS = {0.9f, 0.3f};

  private GlyphPipeline pipeline;

  @BeforeAll
  void open() {
    pipeline = TinyGlyph.pipeline(TinyGlyph.weights());
  }

  @AfterAll
  void close() {
    pipeline.close();
  }

  @Test
  void velocity_eachRow_equalsThePlainJavaTwin() {
    float[] latents = Noise.normals(3, Noise.Use.INITIAL_LATENTS, 0, 2 * TOKENS * CHANNELS);
    float[] actual = velocity(latents);
    GlyphTwin twin = TinyGlyph.twin(TinyGlyph.weights());

    for (int row = 0; row < 2; row++) {
      double[] expected =
          twin.velocity(
              Arrays.copyOfRange(latents, row * TOKENS * CHANNELS, (row + 1) * TOKENS * CHANNELS),
              SIGMAS[row],
              PROMPTS[row]);
      for (int i = 0; i < expected.length; i++) {
        assertThat((double) actual[row * TOKENS * CHANNELS + i])
            .isCloseTo(expected[i], within(2e-5));
      }
    }
  }

  private float[] velocity(float[] latents) {
    try (TensorScope _ = new TensorScope()) {
      long[] ids = new long[2 * GlyphConfig.TEXT_TOKENS];
      for (int row = 0; row < 2; row++) {
        long[] rowIds = GlyphTokenizer.ids(PROMPTS[row]);
        System.arraycopy(rowIds, 0, ids, row * rowIds.length, rowIds.length);
      }
      Mmdit network = pipeline.denoiser();
      NDArray text =
          GlyphTransformer.embed(
              pipeline.kernels(),
              network,
              pipeline.manager().create(ids, new Shape(2, GlyphConfig.TEXT_TOKENS)));
      NDArray x = pipeline.manager().create(latents, new Shape(2, TOKENS, CHANNELS));
      NDArray modulation = network.modulation(pipeline.manager().create(SIGMAS));
      return network.velocity(x, modulation, Pipeline.Text.of(text)).toFloatArray();
    }
  }
}
