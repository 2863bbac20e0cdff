package io.flowloop.engine.glyph;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.engine.Kernels;
import io.flowloop.engine.Pipeline;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * A dual-stream diffusion transformer (MMDiT): image and text tokens keep weights of their own and
 * meet in joint attention; the timestep modulates both (AdaLN). The family of Qwen-Image's and
 * SD3's transformers [1], with grey pixels for latents and sine positions for a free image size.
 *
 * <p>[1] Scaling Rectified Flow Transformers, arXiv:2403.03206
 */
final class GlyphTransformer implements Pipeline.Denoiser {

  /** Longest wavelength of the timestep's and the positions' sine features. */
  private static final double MAX_PERIOD = 10_000;

  private final Kernels kernels;
  private final SequencedMap<String, NDArray> parameters = new LinkedHashMap<>();
  private final NDArray frequencies;
  private final NDArray positions;
  private final List<NDArray> text;
  private final List<NDArray> time;
  private final List<NDArray> image;
  private final List<Block> blocks = new ArrayList<>();
  private final List<NDArray> output;

  private record Block(List<NDArray> image, List<NDArray> text) {}

  /**
   * Puts {@code weights} on the device of {@code manager}, which owns them.
   *
   * @param rows image tokens in a column: height / patch
   * @param columns image tokens in a line: width / patch
   */
  GlyphTransformer(
      Kernels kernels, NDManager manager, GlyphWeights weights, int rows, int columns) {
    this.kernels = kernels;
    int width = weights.config().width();
    GlyphWeights.layout(weights.config())
        .forEach(
            (name, shape) ->
                parameters.put(name, manager.create(weights.values(name), new Shape(shape))));
    this.frequencies = manager.create(frequencies(width / 2));
    this.positions =
        manager.create(positions(rows, columns, width), new Shape((long) rows * columns, width));
    this.text = startingWith("text_embed.");
    this.time = startingWith("time_embed.");
    this.image = startingWith("image_embed.");
    for (int i = 0; i < weights.config().depth(); i++) {
      blocks.add(
          new Block(
              startingWith("blocks." + i + ".image."), startingWith("blocks." + i + ".text.")));
    }
    this.output = startingWith("output.");
  }

  private List<NDArray> startingWith(String prefix) {
    return parameters.entrySet().stream()
        .filter(entry -> entry.getKey().startsWith(prefix))
        .map(Map.Entry::getValue)
        .toList();
  }

  /** The trainable tensors by name, in the order of {@link GlyphWeights#layout}. */
  SequencedMap<String, NDArray> parameters() {
    return parameters;
  }

  /**
   * The tokens of prompts.
   *
   * @param ids (k, L), int64
   * @return (k, L, D)
   */
  NDArray embed(NDArray ids) {
    return kernels.one("text_embedding", ids, text);
  }

  @Override
  public NDArray velocity(NDArray latents, NDArray sigmas, NDArray textTokens) {
    NDArray conditioning = kernels.one("time_embedding", sigmas, frequencies, time);
    NDList tokens =
        new NDList(kernels.one("image_embedding", latents, positions, image), textTokens);
    for (Block block : blocks) {
      tokens =
          kernels.run(
              "mmdit_block",
              tokens.get(0),
              tokens.get(1),
              conditioning,
              block.image(),
              block.text());
    }
    return kernels.one("output_velocity", tokens.get(0), conditioning, output);
  }

  private static float[] frequencies(int count) {
    float[] frequencies = new float[count];
    for (int i = 0; i < count; i++) {
      frequencies[i] = (float) Math.pow(MAX_PERIOD, -(double) i / count);
    }
    return frequencies;
  }

  /** Sine features of each token's line and column, a half of the width each: (S, D). */
  private static float[] positions(int rows, int columns, int width) {
    float[] positions = new float[rows * columns * width];
    float[] frequencies = frequencies(width / 4);
    for (int token = 0; token < rows * columns; token++) {
      int at = token * width;
      at = sines(positions, at, token / columns, frequencies);
      sines(positions, at, token % columns, frequencies);
    }
    return positions;
  }

  private static int sines(float[] target, int at, int position, float[] frequencies) {
    for (int i = 0; i < frequencies.length; i++) {
      target[at + i] = (float) Math.sin(position * frequencies[i]);
      target[at + frequencies.length + i] = (float) Math.cos(position * frequencies[i]);
    }
    return at + 2 * frequencies.length;
  }
}
