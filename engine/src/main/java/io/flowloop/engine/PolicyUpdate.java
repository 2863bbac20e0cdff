package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.LossType;
import io.flowloop.config.SamplerConfig;
import io.flowloop.config.UpdateConfig;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/**
 * One update of a {@link Policy} on its way: recomputes the log-probs of stored trajectories and
 * accumulates the gradients of a {@link FlowGrpoLoss}, mini-batch after mini-batch.
 *
 * <p>Forwards have the rows of the rollout's forwards, in their order, unless {@code
 * update.microBatch} says otherwise: on fresh data every ratio is then exactly 1. Gradients
 * accumulate over the rows of a mini-batch and over the steps of the window, each term with the
 * same weight.
 */
final class PolicyUpdate {

  /** Moves the parameters along the gradients that are there. */
  @FunctionalInterface
  interface Optimizer {

    /** What an optimiser step did: the norm is not finite if it was skipped. */
    record Outcome(double gradientNorm, double learningRate) {}

    Outcome step();
  }

  /** A step of the window in a forward. */
  private record At(LearnedRows rows, int w) {}

  private final Pipeline pipeline;
  private final Policy policy;
  private final SamplerConfig sampler;
  private final UpdateConfig config;
  private final Optimizer optimizer;
  private final BooleanSupplier cancelled;
  private final Guidance guidance;
  private final FlowGrpoLoss loss;
  private final UpdateStatistics statistics;
  private final Map<At, float[]> oldMeans = new HashMap<>();
  private boolean fresh = true;

  /**
   * @param sampler how the samples were drawn
   * @param cancelled asked between forwards
   */
  PolicyUpdate(
      Pipeline pipeline,
      Policy policy,
      SamplerConfig sampler,
      UpdateConfig config,
      Optimizer optimizer,
      BooleanSupplier cancelled) {
    this.pipeline = pipeline;
    this.policy = policy;
    this.sampler = sampler;
    this.config = config;
    this.optimizer = optimizer;
    this.cancelled = cancelled;
    this.guidance = new Guidance(pipeline, sampler.guidanceScale());
    this.loss = new FlowGrpoLoss(config.loss(), pipeline.kernels(), pipeline.manager());
    this.statistics =
        new UpdateStatistics(
            config.loss().type() == LossType.FLOW_DPPO
                ? Double.POSITIVE_INFINITY
                : config.loss().clipRange());
  }

  /**
   * Learns from a batch.
   *
   * @throws CancellationException if it was cancelled on the way
   */
  UpdateMetrics run(List<TrainingSample> samples) {
    List<LearnedRows> forwards =
        config.microBatch().isPresent()
            ? LearnedRows.of(config.microBatch().getAsInt(), samples)
            : LearnedRows.asDrawn(samples);
    if (loss.needsOldMean()) {
      forwards.forEach(this::remember);
    }
    for (int epoch = 0; epoch < config.epochs(); epoch++) {
      LearnedRows.miniBatches(config.miniBatch(), forwards).forEach(this::learn);
    }
    return statistics.metrics();
  }

  /** Keeps the means that the policy has before it learns. */
  private void remember(LearnedRows rows) {
    for (int w = 0; w < rows.window().size(); w++) {
      requireGoingOn();
      try (TensorScope _ = new TensorScope()) {
        long begun = System.nanoTime();
        Inputs inputs = inputs(rows, w);
        NDArray velocity = guidance.guided(inputs.velocity(policy.denoiser()));
        oldMeans.put(new At(rows, w), inputs.taken(velocity).mean().toFloatArray());
        statistics.addForward(rows.size(), System.nanoTime() - begun);
      }
    }
  }

  private void learn(List<LearnedRows> miniBatch) {
    int terms = miniBatch.stream().mapToInt(rows -> rows.size() * rows.window().size()).sum();
    for (LearnedRows rows : miniBatch) {
      for (int w = 0; w < rows.window().size(); w++) {
        requireGoingOn();
        try (TensorScope _ = new TensorScope()) {
          accumulate(rows, w, 1.0 / terms);
        }
      }
    }
    long begun = System.nanoTime();
    Optimizer.Outcome moved = optimizer.step();
    statistics.addStep(moved.gradientNorm(), moved.learningRate(), System.nanoTime() - begun);
    fresh = false;
  }

  private void requireGoingOn() {
    if (cancelled.getAsBoolean()) {
      throw new CancellationException("the update was given up");
    }
  }

  /** Adds the gradient of the terms of some rows at one step of the window. */
  private void accumulate(LearnedRows rows, int w, double weight) {
    long begun = System.nanoTime();
    Inputs inputs = inputs(rows, w);
    Pipeline.Denoiser.Recording forward = inputs.recorded();
    // The loss is differentiated up to the velocity, and that through the network.
    NDArray velocity = forward.velocity().stopGradient();
    velocity.setRequiresGradient(true);
    NDArray total = Gradients.recorded(() -> total(inputs, velocity, weight));
    long computed = System.nanoTime();
    statistics.addForward(rows.size(), computed - begun);
    Gradients.backward(total, number(1));
    forward.backward().accept(velocity.getGradient());
    // A GPU goes on behind the call: what is read waits for it, so that its time is counted here.
    var _ = total.getFloat();
    statistics.addBackward(System.nanoTime() - computed);
  }

  private NDArray total(Inputs inputs, NDArray velocity, double weight) {
    FlowMatchSdeScheduler.Step step = inputs.taken(guidance.guided(velocity));
    FlowGrpoLoss.Terms terms =
        new FlowGrpoLoss.Terms(
            step,
            create(inputs.rows.logProbs(inputs.w)),
            oldMean(inputs, step),
            create(inputs.rows.advantages()),
            inputs.scheduler.coefficients(inputs.step()),
            inputs.scheduler.fall(inputs.step()));
    FlowGrpoLoss.Losses losses = loss.of(terms);
    NDArray kl = kl(inputs, step);
    NDArray all = losses.losses().add(kl.mul(number(config.loss().beta())));
    statistics.add(
        inputs.step(),
        losses.ratios().toFloatArray(),
        losses.cut().toFloatArray(),
        step.logProb().toFloatArray(),
        inputs.rows.logProbs(inputs.w),
        all.toFloatArray(),
        kl.toFloatArray(),
        fresh);
    return pipeline.kernels().one("weighted_sum", all, number(weight));
  }

  private NDArray oldMean(Inputs inputs, FlowMatchSdeScheduler.Step step) {
    float[] remembered = oldMeans.get(new At(inputs.rows, inputs.w));
    return remembered == null
        ? step.mean()
        : pipeline.manager().create(remembered, step.mean().getShape());
  }

  private NDArray kl(Inputs inputs, FlowMatchSdeScheduler.Step step) {
    if (config.loss().beta() == 0) {
      return step.logProb().zerosLike();
    }
    NDArray reference =
        Gradients.unrecorded(
            () -> inputs.taken(guidance.guided(inputs.velocity(policy.reference()))).mean());
    return loss.kl(step.mean(), reference, inputs.scheduler.coefficients(inputs.step()));
  }

  /** What the network is asked about some rows at the window's step {@code w}. */
  private final class Inputs {

    private final LearnedRows rows;
    private final int w;
    private final FlowMatchSdeScheduler scheduler;
    private final NDArray before;
    private final NDArray after;
    private final NDArray latents;
    private final NDArray sigmas;
    private final Pipeline.Text text;

    Inputs(LearnedRows rows, int w, FlowMatchSdeScheduler scheduler) {
      this.rows = rows;
      this.w = w;
      this.scheduler = scheduler;
      this.before = states(rows.latents(w));
      this.after = states(rows.latents(w + 1));
      this.latents = guidance.rowsOfLatents(before);
      this.sigmas = create(scheduler.stepSigmas());
      this.text = guidance.rowsOfText(guidance.conditioning(prompts(rows)), rows.size());
    }

    private NDArray states(float[] values) {
      Pipeline.LatentShape shape = pipeline.latentShape();
      return pipeline
          .manager()
          .create(values, new Shape(rows.size(), shape.tokens(), shape.channels()));
    }

    /** The denoising step. */
    int step() {
      return rows.window().start() + w;
    }

    NDArray velocity(Pipeline.Denoiser denoiser) {
      return denoiser.velocity(latents, denoiser.conditioning(sigmas).get(step()), text);
    }

    Pipeline.Denoiser.Recording recorded() {
      return config.activationCheckpointing()
          ? policy.denoiser().checkpointed(latents, sigmas, step(), text)
          : policy.denoiser().recorded(latents, sigmas, step(), text);
    }

    FlowMatchSdeScheduler.Step taken(NDArray velocity) {
      return scheduler.taken(pipeline.kernels(), before, velocity, after, step());
    }
  }

  private Inputs inputs(LearnedRows rows, int w) {
    float[] sigmas = rows.samples().getFirst().sample().trajectory().sigmas();
    return new Inputs(
        rows, w, new FlowMatchSdeScheduler(sigmas, sampler.sdeType(), sampler.noiseLevel()));
  }

  /** (1, L, D) for rows of one prompt, as in the rollout; else (k, L, D). */
  private NDArray prompts(LearnedRows rows) {
    List<PromptEmbedding> embeddings =
        rows.samples().stream().map(row -> row.sample().promptEmbedding()).toList();
    if (rows.haveOnePrompt()) {
      embeddings = embeddings.subList(0, 1);
    }
    PromptEmbedding first = embeddings.getFirst();
    float[] values = new float[embeddings.size() * first.values().length];
    for (int i = 0; i < embeddings.size(); i++) {
      float[] one = embeddings.get(i).values();
      System.arraycopy(one, 0, values, i * first.values().length, one.length);
    }
    return pipeline
        .manager()
        .create(values, new Shape(embeddings.size(), first.tokens(), first.width()));
  }

  private NDArray create(float[] values) {
    return pipeline.manager().create(values);
  }

  private NDArray number(double value) {
    return pipeline.manager().create((float) value);
  }
}
