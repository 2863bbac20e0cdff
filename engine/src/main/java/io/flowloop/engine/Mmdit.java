package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.stream.Stream;

/**
 * A dual-stream diffusion transformer (MMDiT): image and text tokens keep weights of their own and
 * meet in joint attention; the timestep modulates both (AdaLN). The family of Qwen-Image's and
 * SD3's transformers [1].
 *
 * <p>[1] Scaling Rectified Flow Transformers, arXiv:2403.03206
 */
public final class Mmdit implements Pipeline.Denoiser {

  /** Longest wavelength of the timestep's sine features. */
  private static final double MAX_PERIOD = 10_000;

  /** Tensors of a block besides its modulation. */
  private static final int BLOCK = 20;

  private final Kernels kernels;
  private final NDManager manager;
  private final NDManager host;
  private final SequencedMap<String, NDArray> parameters;
  private final MmditNames names;
  private final Places places;
  private final NDArray frequencies;
  private final List<NDArray> time;
  private final List<NDArray> image;
  private final List<NDArray> text;
  private final List<NDArray> modulation;
  private final List<NDArray> blocks;
  private final List<NDArray> adapters;
  private final List<NDArray> output;

  /** How tokens tell where they are. */
  public interface Places {

    /** What is added to image tokens: (S, D), or no elements. */
    NDArray added();

    /**
     * What turns the heads of image and text tokens, as pairs of cosine and sine: (S + L, width of
     * a head / 2, 2), or no elements.
     *
     * @param text L
     */
    NDArray rotations(int text);
  }

  /** The tokens of both streams between two blocks. */
  private record Tokens(NDArray image, NDArray text) {}

  /**
   * A network of weights that are on a device.
   *
   * @param parameters all that {@code names} says, by name
   * @param timeFeatures sine and cosine features of the timestep together
   */
  public Mmdit(
      Kernels kernels,
      NDManager manager,
      SequencedMap<String, NDArray> parameters,
      MmditNames names,
      Places places,
      int timeFeatures) {
    this(
        kernels,
        manager,
        manager.newSubManager(ai.djl.Device.cpu()),
        parameters,
        names,
        places,
        manager.create(frequencies(timeFeatures / 2)));
  }

  private Mmdit(
      Kernels kernels,
      NDManager manager,
      NDManager host,
      SequencedMap<String, NDArray> parameters,
      MmditNames names,
      Places places,
      NDArray frequencies) {
    this.kernels = kernels;
    this.manager = manager;
    this.host = host;
    this.parameters = parameters;
    this.names = names;
    this.places = places;
    this.frequencies = frequencies;
    this.time = named(names.time());
    this.image = named(names.image());
    this.text = named(names.text());
    this.modulation = named(names.modulation());
    this.blocks = named(names.blocks());
    this.adapters = adapters();
    this.output = named(names.output());
  }

  private List<NDArray> named(List<String> wanted) {
    return wanted.stream().map(name -> Objects.requireNonNull(parameters.get(name), name)).toList();
  }

  /** Both tensors of each adapter, without elements where there is none; empty if all are. */
  private List<NDArray> adapters() {
    if (names.adapted().stream().noneMatch(layer -> parameters.containsKey(LowRank.a(layer)))) {
      return List.of();
    }
    NDArray none = manager.create(new float[0]);
    return names.adapted().stream()
        .flatMap(layer -> Stream.of(LowRank.a(layer), LowRank.b(layer)))
        .map(name -> parameters.getOrDefault(name, none))
        .toList();
  }

  /**
   * The same network with these weights in place of its own of those names, and with the {@link
   * LowRank} adapters among them.
   */
  public Mmdit with(Map<String, NDArray> weights) {
    SequencedMap<String, NDArray> all = new LinkedHashMap<>(parameters);
    all.putAll(weights);
    return new Mmdit(kernels, manager, host, all, names, places, frequencies);
  }

  /** The trainable tensors by name. */
  public SequencedMap<String, NDArray> parameters() {
    return parameters;
  }

  /**
   * Shifts, factors (1 + scale) and gates of all blocks and of the output, from the noise level
   * alone.
   *
   * @param sigmas (T)
   * @return (T, M), M = 12·D for each block and 2·D for the output
   */
  public NDArray modulation(NDArray sigmas) {
    return kernels.one("modulation", sigmas, frequencies, time, modulation);
  }

  @Override
  public List<NDArray> conditioning(NDArray sigmas) {
    return kernels.run("rows", modulation(sigmas));
  }

  @Override
  public NDArray velocity(NDArray latents, NDArray conditioning, Pipeline.Text prompts) {
    return kernels.one(
        "mmdit_velocity",
        latents,
        prompts.tokens(),
        conditioning,
        places.added(),
        rotations(prompts),
        runs(prompts),
        image,
        text,
        blocks,
        adapters,
        output);
  }

  private NDArray rotations(Pipeline.Text prompts) {
    return places.rotations(Math.toIntExact(prompts.tokens().getShape().get(1)));
  }

  /** (runs, 2), in plain memory, where its numbers are needed. */
  private NDArray runs(Pipeline.Text prompts) {
    List<Pipeline.Text.Run> runs = prompts.runs();
    long[] numbers =
        runs.stream()
            .flatMapToLong(run -> java.util.stream.LongStream.of(run.rows(), run.tokens()))
            .toArray();
    return host.create(numbers, new Shape(runs.size(), 2));
  }

  @Override
  public Recording checkpointed(NDArray latents, NDArray sigmas, int step, Pipeline.Text prompts) {
    List<NDArray> modulations = modulations(sigmas, step);
    NDArray rotations = rotations(prompts);
    NDArray runs = runs(prompts);
    List<Tokens> before = new ArrayList<>();
    Tokens tokens = new Tokens(embedImage(latents), embedText(prompts));
    for (int block = 0; block < depth(); block++) {
      before.add(tokens);
      tokens = through(block, tokens, modulations.get(block), rotations, runs);
    }
    NDArray last = tokens.image();
    return new Recording(
        velocity(last, modulations.getLast()),
        gradient ->
            new Back(latents, sigmas, step, prompts, modulations, rotations, runs, before)
                .from(last, gradient));
  }

  /** The way back through a network whose tokens between blocks were kept. */
  private final class Back {

    private final NDArray latents;
    private final NDArray sigmas;
    private final int step;
    private final Pipeline.Text prompts;
    private final List<NDArray> modulations;
    private final NDArray rotations;
    private final NDArray runs;
    private final List<Tokens> before;
    private final boolean textLearns = learns(Stream.of(text));
    private final boolean embeddingsLearn =
        textLearns || learns(Stream.of(image, time, modulation));

    Back(
        NDArray latents,
        NDArray sigmas,
        int step,
        Pipeline.Text prompts,
        List<NDArray> modulations,
        NDArray rotations,
        NDArray runs,
        List<Tokens> before) {
      this.latents = latents;
      this.sigmas = sigmas;
      this.step = step;
      this.prompts = prompts;
      this.modulations = modulations;
      this.rotations = rotations;
      this.runs = runs;
      this.before = before;
    }

    private static boolean learns(Stream<List<NDArray>> weights) {
      return weights.flatMap(List::stream).anyMatch(NDArray::hasGradient);
    }

    /**
     * @param last the image tokens behind the last block
     * @param gradient that of the velocity
     */
    void from(NDArray last, NDArray gradient) {
      // Adapters may leave the embeddings as they are; then there is nothing to go back to.
      if (embeddingsLearn) {
        modulations.forEach(one -> one.setRequiresGradient(true));
      }
      List<NDArray> gradients = blocks(output(last, gradient));
      if (embeddingsLearn) {
        embeddings(gradients);
      }
    }

    /** The gradient of the last block's image tokens, from that of the velocity. */
    private NDArray output(NDArray last, NDArray gradient) {
      last.setRequiresGradient(true);
      try (TensorScope scope = new TensorScope()) {
        NDArray velocity = Gradients.recorded(() -> velocity(last, modulations.getLast()));
        Gradients.backward(velocity, gradient);
        return scope.keep(last.getGradient());
      }
    }

    /** The gradients of the first block's tokens, from that of the last one's image tokens. */
    private List<NDArray> blocks(NDArray imageGradient) {
      // The text that leaves the last block is not used.
      List<NDArray> gradients = List.of(imageGradient);
      for (int block = depth() - 1; block >= 0; block--) {
        gradients = block(block, leaves(block), gradients);
      }
      return gradients;
    }

    private List<NDArray> leaves(int block) {
      Tokens tokens = before.get(block);
      if (block > 0 || textLearns) {
        return List.of(tokens.image(), tokens.text());
      }
      return embeddingsLearn ? List.of(tokens.image()) : List.of();
    }

    /** The gradients of {@code leaves} among the tokens before a block, from those behind it. */
    private List<NDArray> block(int block, List<NDArray> leaves, List<NDArray> gradients) {
      leaves.forEach(leaf -> leaf.setRequiresGradient(true));
      try (TensorScope scope = new TensorScope()) {
        // The gradient of an inner product with a constant is that constant, to the last bit.
        NDArray product =
            Gradients.recorded(
                () -> {
                  Tokens after =
                      through(block, before.get(block), modulations.get(block), rotations, runs);
                  return kernels.one(
                      "inner_product",
                      List.of(after.image(), after.text()).subList(0, gradients.size()),
                      gradients);
                });
        Gradients.backward(product, manager.create(1f));
        return Gradients.of(leaves).stream().map(scope::keep).toList();
      }
    }

    /**
     * @param tokenGradients of the image tokens before the first block, and of the text where its
     *     embedding learns
     */
    private void embeddings(List<NDArray> tokenGradients) {
      try (TensorScope _ = new TensorScope()) {
        List<NDArray> gradients = new ArrayList<>(Gradients.of(modulations));
        gradients.addAll(tokenGradients);
        NDArray product =
            Gradients.recorded(
                () -> {
                  List<NDArray> ends = new ArrayList<>(Mmdit.this.modulations(sigmas, step));
                  ends.add(embedImage(latents));
                  if (textLearns) {
                    ends.add(embedText(prompts));
                  }
                  return kernels.one("inner_product", ends, gradients);
                });
        Gradients.backward(product, manager.create(1f));
      }
    }
  }

  /** The modulation of each block, then that of the output. */
  private List<NDArray> modulations(NDArray sigmas, int step) {
    return kernels.run("blocks_modulation", conditioning(sigmas).get(step), image);
  }

  private NDArray embedImage(NDArray latents) {
    return kernels.one("image_embedding", latents, places.added(), image);
  }

  private NDArray embedText(Pipeline.Text prompts) {
    return kernels.one("text_embedding", prompts.tokens(), text);
  }

  /** The tokens behind a block; behind the last, whose text nobody reads, the text before it. */
  private Tokens through(
      int block, Tokens tokens, NDArray modulation, NDArray rotations, NDArray runs) {
    boolean last = block == depth() - 1;
    NDList after =
        kernels.run(
            last ? "last_mmdit_block" : "mmdit_block",
            tokens.image(),
            tokens.text(),
            modulation,
            rotations,
            runs,
            blocks.subList(block * BLOCK, (block + 1) * BLOCK),
            adapters.isEmpty()
                ? adapters
                : adapters.subList(
                    2 * MmditNames.ADAPTED * block, 2 * MmditNames.ADAPTED * (block + 1)));
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
}
