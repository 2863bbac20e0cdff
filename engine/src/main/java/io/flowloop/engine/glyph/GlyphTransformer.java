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
import java.util.function.Predicate;
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

  /** Tensors of a block besides its modulation. */
  private static final int BLOCK = 20;

  private final Kernels kernels;
  private final NDManager manager;
  private final SequencedMap<String, NDArray> parameters;
  private final NDArray frequencies;
  private final NDArray positions;
  private final List<NDArray> text;
  private final List<NDArray> time;
  private final List<NDArray> image;
  private final List<NDArray> modulation;
  private final List<NDArray> blocks;
  private final List<NDArray> output;

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
    this.text = named(name -> name.startsWith("text_embed."));
    this.time = named(name -> name.startsWith("time_embed."));
    this.image = named(name -> name.startsWith("image_embed."));
    this.modulation = named(GlyphTransformer::isModulation);
    this.blocks = named(name -> name.startsWith("blocks.") && !isModulation(name));
    this.output = named(name -> name.startsWith("output.proj."));
  }

  private static boolean isModulation(String name) {
    return name.contains(".mod.");
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

  private List<NDArray> named(Predicate<String> isWanted) {
    return parameters.entrySet().stream()
        .filter(entry -> isWanted.test(entry.getKey()))
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

  /**
   * Shifts, factors (1 + scale) and gates of all blocks and of the output, from the noise level
   * alone.
   *
   * @param sigmas (T)
   * @return (T, M), M = 12·D for each block and 2·D for the output
   */
  NDArray modulation(NDArray sigmas) {
    return kernels.one("modulation", sigmas, frequencies, time, modulation);
  }

  @Override
  public List<NDArray> conditioning(NDArray sigmas) {
    return kernels.run("rows", modulation(sigmas));
  }

  @Override
  public NDArray velocity(NDArray latents, NDArray conditioning, NDArray textTokens) {
    return kernels.one(
        "mmdit_velocity", latents, textTokens, conditioning, positions, image, blocks, output);
  }

  @Override
  public Recording checkpointed(NDArray latents, NDArray sigmas, int step, NDArray textTokens) {
    List<NDArray> modulations = modulations(sigmas, step);
    List<Tokens> before = new ArrayList<>();
    Tokens tokens = new Tokens(embedImage(latents), textTokens);
    for (int block = 0; block < depth(); block++) {
      before.add(tokens);
      tokens = through(block, tokens, modulations.get(block));
    }
    NDArray last = tokens.image();
    return new Recording(
        velocity(last, modulations.getLast()),
        gradient -> {
          modulations.forEach(modulation -> modulation.setRequiresGradient(true));
          NDArray imageGradient = backwardOutput(last, modulations.getLast(), gradient);
          backwardEmbeddings(
              latents,
              sigmas,
              step,
              backwardBlocks(before, modulations, imageGradient),
              modulations);
        });
  }

  /** The modulation of each block, then that of the output. */
  private List<NDArray> modulations(NDArray sigmas, int step) {
    return kernels.run("blocks_modulation", conditioning(sigmas).get(step), positions);
  }

  /** The gradient of the last block's image tokens, from that of the velocity. */
  private NDArray backwardOutput(NDArray last, NDArray modulation, NDArray gradient) {
    last.setRequiresGradient(true);
    try (TensorScope scope = new TensorScope()) {
      NDArray velocity = Gradients.recorded(() -> velocity(last, modulation));
      Gradients.backward(velocity, gradient);
      return scope.keep(last.getGradient());
    }
  }

  /** The gradient of the first block's image tokens, from that of the last one's. */
  private NDArray backwardBlocks(
      List<Tokens> before, List<NDArray> modulations, NDArray imageGradient) {
    // The text that leaves the last block is not used.
    List<NDArray> gradients = List.of(imageGradient);
    for (int block = depth() - 1; block >= 0; block--) {
      Tokens tokens = before.get(block);
      // The text before the first block is the caller's, and not learned from.
      List<NDArray> leaves =
          block == 0 ? List.of(tokens.image()) : List.of(tokens.image(), tokens.text());
      gradients = backward(block, tokens, leaves, modulations.get(block), gradients);
    }
    return gradients.getFirst();
  }

  private void backwardEmbeddings(
      NDArray latents, NDArray sigmas, int step, NDArray imageGradient, List<NDArray> modulations) {
    // Adapters may leave the embeddings as they are; then there is nothing to go back to.
    if (Stream.of(image, time, modulation).flatMap(List::stream).noneMatch(NDArray::hasGradient)) {
      return;
    }
    try (TensorScope _ = new TensorScope()) {
      List<NDArray> gradients = new ArrayList<>(Gradients.of(modulations));
      gradients.add(imageGradient);
      NDArray product =
          Gradients.recorded(
              () -> {
                List<NDArray> ends = new ArrayList<>(modulations(sigmas, step));
                ends.add(embedImage(latents));
                return kernels.one("inner_product", ends, gradients);
              });
      Gradients.backward(product, manager.create(1f));
    }
  }

  /** The gradients of {@code leaves} among the tokens before a block, from those behind it. */
  private List<NDArray> backward(
      int block, Tokens before, List<NDArray> leaves, NDArray modulation, List<NDArray> gradients) {
    leaves.forEach(leaf -> leaf.setRequiresGradient(true));
    try (TensorScope scope = new TensorScope()) {
      // The gradient of an inner product with a constant is that constant, to the last bit.
      NDArray product =
          Gradients.recorded(
              () -> {
                Tokens after = through(block, before, modulation);
                return kernels.one(
                    "inner_product",
                    List.of(after.image(), after.text()).subList(0, gradients.size()),
                    gradients);
              });
      Gradients.backward(product, manager.create(1f));
      return Gradients.of(leaves).stream().map(scope::keep).toList();
    }
  }

  private NDArray embedImage(NDArray latents) {
    return kernels.one("image_embedding", latents, positions, image);
  }

  /** The tokens behind a block; behind the last, whose text nobody reads, the text before it. */
  private Tokens through(int block, Tokens tokens, NDArray modulation) {
    boolean last = block == depth() - 1;
    NDList after =
        kernels.run(
            last ? "last_mmdit_block" : "mmdit_block",
            tokens.image(),
            tokens.text(),
            modulation,
            blocks.subList(block * BLOCK, (block + 1) * BLOCK));
    return new Tokens(after.get(0), last ? tokens.text() : after.get(1));
  }

  private int depth() {
    return blocks.size() / BLOCK;
  }

  private NDArray velocity(NDArray image, NDArray modulation) {
    return kernels.one("output_velocity", image, modulation, output);
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
