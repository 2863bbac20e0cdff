package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.EmaConfig;
import io.flowloop.config.SamplerConfig;
import io.flowloop.config.UpdateConfig;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/**
 * The learner of any {@link Policy}: recomputes the log-probs of stored trajectories and moves the
 * parameters by AdamW along the gradient of a {@link FlowGrpoLoss}.
 *
 * <p>Forwards have the rows of the rollout's forwards, in their order, unless {@code
 * update.microBatch} says otherwise: on fresh data every ratio is then exactly 1. Gradients
 * accumulate over the rows of a mini-batch and over the steps of the window, each term with the
 * same weight.
 */
public final class PolicyUpdate implements Learner {

  private final Pipeline pipeline;
  private final Policy policy;
  private final SamplerConfig sampler;
  private final UpdateConfig config;
  private final int trainingSteps;
  private final long base;
  private final Guidance guidance;
  private final FlowGrpoLoss loss;
  private final AdamW optimizer;
  private final List<NDArray> averages = new ArrayList<>();
  private long version;

  /** The mean of each step that a policy which needs them had before the update. */
  private record At(LearnedRows rows, int w) {}

  /**
   * @param pipeline the model as training finds it, and the reference from then on; closed with the
   *     learner
   * @param policy what is trained of it
   * @param sampler how the samples are drawn
   * @param trainingSteps of the run, for the learning rate's decay
   */
  public PolicyUpdate(
      Pipeline pipeline,
      Policy.Factory policy,
      SamplerConfig sampler,
      UpdateConfig config,
      int trainingSteps) {
    this.pipeline = pipeline;
    this.policy = policy.create(pipeline);
    this.sampler = sampler;
    this.config = config;
    this.trainingSteps = trainingSteps;
    this.base = PolicyWeights.checksum(read(pipeline.weights()));
    this.guidance = new Guidance(pipeline, sampler.guidanceScale());
    this.loss = new FlowGrpoLoss(config.loss(), pipeline.kernels(), pipeline.manager());
    List<NDArray> parameters = List.copyOf(this.policy.parameters().values());
    this.optimizer =
        new AdamW(
            pipeline.kernels(),
            pipeline.manager(),
            parameters,
            config.optimizer().weightDecay(),
            config.optimizer().maxGradientNorm());
    if (config.ema().decay() > 0) {
      parameters.forEach(parameter -> averages.add(parameter.duplicate()));
    }
  }

  @Override
  public UpdateMetrics update(
      List<TrainingSample> samples, int trainingStep, BooleanSupplier cancelled) {
    samples.forEach(sample -> check(sample.sample()));
    List<LearnedRows> forwards =
        config.microBatch().isPresent()
            ? LearnedRows.of(config.microBatch().getAsInt(), samples)
            : LearnedRows.asDrawn(samples);
    Run run = new Run(trainingStep, cancelled, new UpdateStatistics(countedClipRange()));
    if (loss.needsOldMean()) {
      forwards.forEach(run::remember);
    }
    for (int epoch = 0; epoch < config.epochs(); epoch++) {
      LearnedRows.miniBatches(config.miniBatch(), forwards).forEach(run::step);
    }
    version++;
    return run.statistics.metrics();
  }

  private double countedClipRange() {
    return switch (config.loss().type()) {
      case FLOW_GRPO, GRPO_GUARD -> config.loss().clipRange();
      case FLOW_DPPO -> Double.POSITIVE_INFINITY;
    };
  }

  private void check(Sample sample) {
    Trajectory trajectory = sample.trajectory();
    if (sample.policyVersion() != version) {
      throw new EngineException(
          "sample of row %d: drawn by policy version %d (expected: %d, the learner's)"
              .formatted(sample.row().row(), sample.policyVersion(), version));
    }
    if (trajectory.window().size() == 0) {
      throw new EngineException(
          "sample of row %d: no stochastic step (expected: an SDE window; raise sampler.noiseLevel)"
              .formatted(sample.row().row()));
    }
    for (float logProb : trajectory.logProbs()) {
      if (!Float.isFinite(logProb)) {
        throw new EngineException(
            "sample of row %d: log-prob %s (expected: a finite number)"
                .formatted(sample.row().row(), logProb));
      }
    }
  }

  /** One update on its way. */
  private final class Run {

    private final int trainingStep;
    private final BooleanSupplier cancelled;
    private final UpdateStatistics statistics;
    private final Map<At, float[]> oldMeans = new HashMap<>();
    private boolean fresh = true;

    Run(int trainingStep, BooleanSupplier cancelled, UpdateStatistics statistics) {
      this.trainingStep = trainingStep;
      this.cancelled = cancelled;
      this.statistics = statistics;
    }

    /** Keeps the means that the policy has before it learns. */
    void remember(LearnedRows rows) {
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

    void step(List<LearnedRows> miniBatch) {
      int terms = miniBatch.stream().mapToInt(rows -> rows.size() * rows.window().size()).sum();
      for (LearnedRows rows : miniBatch) {
        for (int w = 0; w < rows.window().size(); w++) {
          requireGoingOn();
          try (TensorScope _ = new TensorScope()) {
            accumulate(rows, w, 1.0 / terms);
          }
        }
      }
      try (TensorScope _ = new TensorScope()) {
        move();
      }
      fresh = false;
    }

    private void requireGoingOn() {
      if (cancelled.getAsBoolean()) {
        throw new CancellationException(
            "update of training step %d was given up".formatted(trainingStep));
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

    private void move() {
      long begun = System.nanoTime();
      double rate =
          LearningRate.at(config.optimizer(), optimizer.steps(), trainingStep, trainingSteps);
      double norm = optimizer.step(rate, policy.gradients());
      policy.clearGradients();
      if (Double.isFinite(norm)) {
        policy.applyParameters();
        average();
      }
      statistics.addStep(norm, rate, System.nanoTime() - begun);
    }
  }

  private void average() {
    EmaConfig ema = config.ema();
    if (ema.decay() > 0 && optimizer.steps() % ema.every() == 0) {
      pipeline
          .kernels()
          .run(
              "ema_step",
              number(1 - ema.decay()),
              averages,
              List.copyOf(policy.parameters().values()));
    }
  }

  /** What the network is asked about some rows at the window's step {@code w}. */
  private final class Inputs {

    private final LearnedRows rows;
    private final int w;
    private final FlowMatchSdeScheduler scheduler;
    private final NDArray before;
    private final NDArray after;
    private final NDArray latents;
    private final NDArray sigma;
    private final NDArray text;

    Inputs(LearnedRows rows, int w, FlowMatchSdeScheduler scheduler) {
      this.rows = rows;
      this.w = w;
      this.scheduler = scheduler;
      this.before = states(rows.latents(w));
      this.after = states(rows.latents(w + 1));
      this.latents = guidance.rowsOfLatents(before);
      this.sigma = create(new float[] {scheduler.sigma(step())});
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
      return denoiser.velocity(latents, sigma, text);
    }

    Pipeline.Denoiser.Recording recorded() {
      return config.activationCheckpointing()
          ? policy.denoiser().checkpointed(latents, sigma, text)
          : policy.denoiser().recorded(latents, sigma, text);
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

  @Override
  public PolicyWeights weights() {
    return PolicyWeights.of(version, read(policy.weights()));
  }

  @Override
  public PolicyWeights keptWeights() {
    if (averages.isEmpty()) {
      return weights();
    }
    // Adapters have to be merged to become weights, so the averages take the parameters' place.
    SortedMap<String, HostTensor> parameters = read(policy.parameters());
    write(policy.parameters(), read(named(averages)));
    policy.applyParameters();
    PolicyWeights kept = weights();
    write(policy.parameters(), parameters);
    policy.applyParameters();
    return kept;
  }

  @Override
  public LearnerState state() {
    return new LearnerState(
        version,
        optimizer.steps(),
        base,
        read(policy.parameters()),
        read(named(optimizer.firstMoments())),
        read(named(optimizer.secondMoments())),
        averages.isEmpty() ? new TreeMap<>() : read(named(averages)));
  }

  @Override
  public void restore(LearnerState state) {
    if (state.base() != base) {
      throw new EngineException(
          "learner state: of a model with checksum %08x (expected: %08x); it belongs to other weights"
              .formatted(state.base(), base));
    }
    write(policy.parameters(), state.parameters());
    if (!averages.isEmpty()) {
      write(named(averages), state.averages());
    }
    write(named(optimizer.firstMoments()), state.firstMoments());
    write(named(optimizer.secondMoments()), state.secondMoments());
    optimizer.restore(state.optimizerSteps());
    policy.clearGradients();
    policy.applyParameters();
    version = state.version();
  }

  private SequencedMap<String, NDArray> named(List<NDArray> tensors) {
    SequencedMap<String, NDArray> named = new LinkedHashMap<>();
    List<String> names = List.copyOf(policy.parameters().keySet());
    for (int i = 0; i < names.size(); i++) {
      named.put(names.get(i), tensors.get(i));
    }
    return named;
  }

  private static SortedMap<String, HostTensor> read(Map<String, NDArray> tensors) {
    return DeviceWeights.read(tensors, tensors.keySet());
  }

  private void write(Map<String, NDArray> tensors, Map<String, HostTensor> values) {
    if (!values.keySet().equals(tensors.keySet())) {
      throw new EngineException(
          "learner state: %d tensors, %s … (expected: %d, %s …); update.lora or update.ema differs"
              .formatted(
                  values.size(),
                  values.keySet().stream().findFirst().orElse("none"),
                  tensors.size(),
                  tensors.keySet().stream().sorted().findFirst().orElse("none")));
    }
    DeviceWeights.load(pipeline.kernels(), tensors, values);
  }

  /** Every native tensor alive on the learner's device. */
  int liveTensors() {
    return pipeline.manager().getManagedArrays().size();
  }

  @Override
  public void close() {
    optimizer.close();
    averages.forEach(NDArray::close);
    policy.close();
    pipeline.close();
  }
}
