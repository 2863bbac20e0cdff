package io.flowloop.engine.glyph;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.engine.Gradients;
import io.flowloop.engine.Kernels;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.TensorScope;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Stream;

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
  private final NDManager manager;
  private final SequencedMap<String, NDArray> parameters;
  private final NDArray frequencies;
  private final NDArray positions;
  private final List<NDArray> text;
  private final List<NDArray> time;
  private final List<NDArray> image;
  private final List<Block> blocks = new ArrayList<>();
  private final List<NDArray> output;

  private record Block(List<NDArray> image, List<NDArray> text) {}

  /** The tokens of both streams between two blocks. */
  private record Tokens(NDArray image, NDArray text) {}

  /**
   * Puts {@code weights} on the device of {@code manager}, which owns them.
   *
   * @param rows image tokens in a column: height / patch
   * @param columns image tokens in a line: width / patch
   */
  GlyphTransformer(
      Kernels kernels, NDManager manager, GlyphWeights weights, int rows, int columns) {
    int width = weights.config().width();
    this(
        kernels,
        manager,
        onDevice(weights, manager),
        manager.create(frequencies(width / 2)),
        manager.create(positions(rows, columns, width), new Shape((long) rows * columns, width)));
  }

  private GlyphTransformer(
      Kernels kernels,
      NDManager manager,
      SequencedMap<String, NDArray> parameters,
      NDArray frequencies,
      NDArray positions) {
    this.kernels = kernels;
    this.manager = manager;
    this.parameters = parameters;
    this.frequencies = frequencies;
    this.positions = positions;
    this.text = startingWith("text_embed.");
    this.time = startingWith("time_embed.");
    this.image = startingWith("image_embed.");
    String block = "blocks.0.";
    for (int i = 1; !startingWith(block).isEmpty(); i++) {
      blocks.add(new Block(startingWith(block + "image."), startingWith(block + "text.")));
      block = "blocks." + i + ".";
    }
    this.output = startingWith("output.");
  }

  private static SequencedMap<String, NDArray> onDevice(GlyphWeights weights, NDManager manager) {
    SequencedMap<String, NDArray> tensors = new LinkedHashMap<>();
    GlyphWeights.layout(weights.config())
        .forEach(
            (name, shape) ->
                tensors.put(name, manager.create(weights.values(name), new Shape(shape))));
    return tensors;
  }

  /** The same network with these weights in place of its own of those names. */
  GlyphTransformer with(Map<String, NDArray> weights) {
    SequencedMap<String, NDArray> all = new LinkedHashMap<>(parameters);
    all.putAll(weights);
    return new GlyphTransformer(kernels, manager, all, frequencies, positions);
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
    NDArray conditioning = conditioning(sigmas);
    Tokens tokens = new Tokens(embedImage(latents), textTokens);
    for (Block block : blocks) {
      tokens = through(block, tokens, conditioning);
    }
    return velocity(tokens.image(), conditioning);
  }

  @Override
  public Recording checkpointed(NDArray latents, NDArray sigmas, NDArray textTokens) {
    NDArray conditioning = conditioning(sigmas);
    List<Tokens> before = new ArrayList<>();
    Tokens tokens = new Tokens(embedImage(latents), textTokens);
    for (Block block : blocks) {
      before.add(tokens);
      tokens = through(block, tokens, conditioning);
    }
    NDArray last = tokens.image();
    return new Recording(
        velocity(last, conditioning),
        gradient -> {
          conditioning.setRequiresGradient(true);
          backward(
              latents, sigmas, conditioning, before, backwardOutput(last, conditioning, gradient));
        });
  }

  /** The gradient of the last block's image tokens, from that of the velocity. */
  private NDArray backwardOutput(NDArray last, NDArray conditioning, NDArray gradient) {
    last.setRequiresGradient(true);
    try (TensorScope scope = new TensorScope()) {
      NDArray velocity = Gradients.recorded(() -> velocity(last, conditioning));
      Gradients.backward(velocity, gradient);
      return scope.keep(last.getGradient());
    }
  }

  private void backward(
      NDArray latents,
      NDArray sigmas,
      NDArray conditioning,
      List<Tokens> before,
      NDArray imageGradient) {
    // The text that leaves the last block is not used.
    List<NDArray> gradients = List.of(imageGradient);
    for (int i = blocks.size() - 1; i >= 0; i--) {
      Tokens tokens = before.get(i);
      // The text before the first block is the caller's, and not learned from.
      List<NDArray> leaves =
          i == 0 ? List.of(tokens.image()) : List.of(tokens.image(), tokens.text());
      gradients = backward(blocks.get(i), tokens, leaves, conditioning, gradients);
    }
    // Adapters may leave both embeddings as they are; then there is nothing to go back to.
    if (Stream.concat(image.stream(), time.stream()).noneMatch(NDArray::hasGradient)) {
      return;
    }
    try (TensorScope _ = new TensorScope()) {
      List<NDArray> ends = List.of(gradients.getFirst(), conditioning.getGradient());
      NDArray product =
          Gradients.recorded(
              () ->
                  kernels.one(
                      "inner_product", List.of(embedImage(latents), conditioning(sigmas)), ends));
      Gradients.backward(product, manager.create(1f));
    }
  }

  /** The gradients of {@code leaves} among the tokens before a block, from those behind it. */
  private List<NDArray> backward(
      Block block,
      Tokens before,
      List<NDArray> leaves,
      NDArray conditioning,
      List<NDArray> gradients) {
    leaves.forEach(leaf -> leaf.setRequiresGradient(true));
    try (TensorScope scope = new TensorScope()) {
      // The gradient of an inner product with a constant is that constant, to the last bit.
      NDArray product =
          Gradients.recorded(
              () -> {
                Tokens after = through(block, before, conditioning);
                return kernels.one(
                    "inner_product",
                    List.of(after.image(), after.text()).subList(0, gradients.size()),
                    gradients);
              });
      Gradients.backward(product, manager.create(1f));
      return Gradients.of(leaves).stream().map(scope::keep).toList();
    }
  }

  private NDArray conditioning(NDArray sigmas) {
    return kernels.one("time_embedding", sigmas, frequencies, time);
  }

  private NDArray embedImage(NDArray latents) {
    return kernels.one("image_embedding", latents, positions, image);
  }

  private Tokens through(Block block, Tokens tokens, NDArray conditioning) {
    NDList after =
        kernels.run(
            "mmdit_block",
            tokens.image(),
            tokens.text(),
            conditioning,
            block.image(),
            block.text());
    return new Tokens(after.get(0), after.get(1));
  }

  private NDArray velocity(NDArray image, NDArray conditioning) {
    return kernels.one("output_velocity", image, conditioning, output);
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
