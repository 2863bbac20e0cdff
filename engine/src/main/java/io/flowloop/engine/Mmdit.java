package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;
import io.flowloop.config.Dtype;
import io.flowloop.engine.MmditSteps.Layout;
import io.flowloop.engine.MmditSteps.Tokens;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A dual-stream diffusion transformer (MMDiT): image and text tokens keep weights of their own and
 * meet in joint attention; the timestep modulates both (AdaLN). The family of Qwen-Image's and
 * SD3's transformers [1].
 *
 * <p>Where there are fused kernels, they compute what is not recorded, and operators what backward
 * computes again.
 *
 * <p>[1] Scaling Rectified Flow Transformers, arXiv:2403.03206
 */
public final class Mmdit implements Pipeline.Denoiser, AutoCloseable {

  /** Longest wavelength of the timestep's sine features. */
  private static final double MAX_PERIOD = 10_000;

  /** The place of the norm of queries among a block's tensors. */
  private static final int NORM = 2;

  private final SequencedMap<String, NDArray> parameters;
  private final MmditNames names;
  private final MmditSteps steps;
  private final Optional<Fusions> fusions;
  private @Nullable FusedBlocks fused;

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

  /**
   * What came of a forward, and what a backward begins with.
   *
   * @param velocity (k, S, C)
   * @param last the image tokens behind the last block
   */
  private record Forward(NDArray velocity, NDArray last) {}

  /**
   * A network of weights that are on a device.
   *
   * @param parameters all that {@code names} says, by name
   * @param dtype theirs; there are fused kernels for some
   * @param timeFeatures sine and cosine features of the timestep together
   */
  public Mmdit(
      Kernels kernels,
      NDManager manager,
      SequencedMap<String, NDArray> parameters,
      MmditNames names,
      Places places,
      Dtype dtype,
      int timeFeatures) {
    this(
        parameters,
        names,
        steps(
            kernels,
            manager,
            manager.newSubManager(ai.djl.Device.cpu()),
            MmditWeights.of(parameters, names, none(manager)),
            places,
            manager.create(frequencies(timeFeatures / 2))),
        fusions(manager, parameters, names, dtype));
  }

  private Mmdit(
      SequencedMap<String, NDArray> parameters,
      MmditNames names,
      MmditSteps steps,
      Optional<Fusions> fusions) {
    this.parameters = parameters;
    this.names = names;
    this.steps = steps;
    this.fusions = fusions;
  }

  private static MmditSteps steps(
      Kernels kernels,
      NDManager manager,
      NDManager host,
      MmditWeights weights,
      Places places,
      NDArray frequencies) {
    return new MmditSteps(
        kernels,
        manager,
        host,
        host.create(new long[2], new Shape(1, 2)),
        weights,
        places,
        frequencies);
  }

  private static NDArray none(NDManager manager) {
    return manager.create(new float[0]);
  }

  private static Optional<Fusions> fusions(
      NDManager manager, Map<String, NDArray> parameters, MmditNames names, Dtype dtype) {
    if (!manager.getDevice().isGpu()) {
      return Optional.empty();
    }
    return CudaKernels.load(
            manager.getDevice(),
            dtype,
            rows(parameters, names.image().getFirst()),
            rows(parameters, names.blocks().get(NORM)))
        .map(Function.identity());
  }

  private static int rows(Map<String, NDArray> parameters, String name) {
    NDArray weight = Objects.requireNonNull(parameters.get(name), name);
    return Math.toIntExact(weight.getShape().get(0));
  }

  private static float[] frequencies(int count) {
    float[] frequencies = new float[count];
    for (int i = 0; i < count; i++) {
      frequencies[i] = (float) Math.pow(MAX_PERIOD, -(double) i / count);
    }
    return frequencies;
  }

  /**
   * The same network with these weights in place of its own of those names, and with the {@link
   * LowRank} adapters among them.
   */
  public Mmdit with(Map<String, NDArray> weights) {
    SequencedMap<String, NDArray> all = new LinkedHashMap<>(parameters);
    all.putAll(weights);
    return new Mmdit(
        all,
        names,
        new MmditSteps(
            steps.kernels(),
            steps.manager(),
            steps.host(),
            steps.oneRun(),
            MmditWeights.of(all, names, none(steps.manager())),
            steps.places(),
            steps.frequencies()),
        fusions);
  }

  /** The same network with these between its products, where nothing is recorded. */
  Mmdit fusedBy(Fusions others) {
    return new Mmdit(parameters, names, steps, Optional.of(others));
  }

  /** What stands between the products of a forward that is not recorded, for reports. */
  public String blockKernels() {
    return isFused() ? "fused kernels" : "operators";
  }

  /**
   * What computes attention in a forward that is not recorded, in words, for reports.
   *
   * @param queries shape of them: (k, heads, tokens, width of a head)
   */
  public String attentionKernel(Shape queries, Dtype dtype) {
    return fusions.isPresent() && fusions.get().prefersCudnn()
        ? Kernels.CUDNN
        : steps.kernels().attention(queries, dtype);
  }

  /** Whether there are fused kernels for it. */
  public boolean isFused() {
    return fusions.isPresent();
  }

  /** The same network without them, to compare with. */
  public Mmdit byOperators() {
    return new Mmdit(parameters, names, steps, Optional.empty());
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
    return steps.modulation(sigmas);
  }

  @Override
  public List<NDArray> conditioning(NDArray sigmas) {
    return steps.conditioning(sigmas);
  }

  @Override
  public NDArray velocity(NDArray latents, NDArray conditioning, Pipeline.Text prompts) {
    if (isFused() && !JniUtils.isGradMode()) {
      Layout layout = steps.layout(prompts, latents.getShape().get(0));
      return fused(latents, conditioning, prompts, layout, (_, _) -> {}).velocity();
    }
    Layout layout = steps.layout(prompts);
    MmditWeights weights = steps.weights();
    return steps
        .kernels()
        .one(
            "mmdit_velocity",
            latents,
            prompts.tokens(),
            conditioning,
            steps.places().added(),
            layout.rotations(),
            layout.runs(),
            weights.image(),
            weights.text(),
            weights.blocks(),
            weights.adapters(),
            weights.output());
  }

  private Forward fused(
      NDArray latents,
      NDArray conditioning,
      Pipeline.Text prompts,
      Layout layout,
      BiConsumer<NDArray, NDArray> before) {
    NDArray image = steps.embedImage(latents);
    // Both are changed in place, and the text of one prompt becomes that of each row.
    NDArray text = steps.kernels().one("copy_for_each", steps.embedText(prompts), image);
    NDArray normed =
        fusedBlocks().through(image, text, conditioning, layout.rotations(), layout.runs(), before);
    return new Forward(steps.kernels().one("projected", normed, steps.weights().output()), image);
  }

  private FusedBlocks fusedBlocks() {
    FusedBlocks there = fused;
    if (there == null) {
      MmditWeights weights = steps.weights();
      there =
          new FusedBlocks(
              steps.kernels(), fusions.orElseThrow(), weights.blocks(), weights.adapters());
      fused = there;
    }
    return there;
  }

  /** Fused blocks have copies of adapters, and of the weights that these are part of. */
  @Override
  public void release() {
    if (fused != null) {
      fused.close();
      fused = null;
    }
  }

  /** With checkpoints where there are fused kernels: only these give the bits of a rollout. */
  @Override
  public Recording recorded(NDArray latents, NDArray sigmas, int step, Pipeline.Text prompts) {
    return fusions.isPresent()
        ? checkpointed(latents, sigmas, step, prompts)
        : Pipeline.Denoiser.super.recorded(latents, sigmas, step, prompts);
  }

  @Override
  public Recording checkpointed(NDArray latents, NDArray sigmas, int step, Pipeline.Text prompts) {
    NDArray conditioning = steps.conditioning(sigmas).get(step);
    List<NDArray> modulations = steps.modulations(conditioning);
    Layout layout =
        isFused() ? steps.layout(prompts, latents.getShape().get(0)) : steps.layout(prompts);
    List<Tokens> before = new ArrayList<>();
    Forward forward =
        fusions.isPresent()
            ? keeping(latents, conditioning, prompts, layout, before)
            : byBlocks(latents, modulations, prompts, layout, before);
    MmditBackward backward =
        new MmditBackward(
            steps, latents, sigmas, step, prompts, modulations, layout, before, forward.last());
    return new Recording(forward.velocity(), backward::from);
  }

  /** A fused forward that leaves copies of the tokens before each block. */
  private Forward keeping(
      NDArray latents,
      NDArray conditioning,
      Pipeline.Text prompts,
      Layout layout,
      List<Tokens> before) {
    try (TensorScope scope = new TensorScope()) {
      BiConsumer<NDArray, NDArray> keep =
          (image, text) -> before.add(new Tokens(copy(scope, image), copy(scope, text)));
      Forward forward = fused(latents, conditioning, prompts, layout, keep);
      scope.keep(forward.velocity());
      scope.keep(forward.last());
      return forward;
    }
  }

  private NDArray copy(TensorScope scope, NDArray tokens) {
    return scope.keep(steps.kernels().one("copy_for_each", tokens, tokens));
  }

  private Forward byBlocks(
      NDArray latents,
      List<NDArray> modulations,
      Pipeline.Text prompts,
      Layout layout,
      List<Tokens> before) {
    Tokens tokens = new Tokens(steps.embedImage(latents), steps.embedText(prompts));
    for (int block = 0; block < steps.weights().depth(); block++) {
      before.add(tokens);
      tokens = steps.through(block, tokens, modulations.get(block), layout);
    }
    return new Forward(steps.velocity(tokens.image(), modulations.getLast()), tokens.image());
  }

  /** Frees what it has of its own; weights are the caller's, networks of others stay. */
  @Override
  public void close() {
    release();
    fusions.ifPresent(Fusions::close);
  }
}
