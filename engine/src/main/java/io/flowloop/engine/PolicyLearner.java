package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import io.flowloop.config.EmaConfig;
import io.flowloop.config.SamplerConfig;
import io.flowloop.config.UpdateConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;

/**
 * The learner of any {@link Policy}: what a {@link PolicyUpdate} moves by AdamW, its running mean,
 * and all of it in plain memory.
 */
public final class PolicyLearner implements Learner {

  private final Pipeline pipeline;
  private final Policy policy;
  private final SamplerConfig sampler;
  private final UpdateConfig config;
  private final int trainingSteps;
  private final long base;
  private final AdamW optimizer;
  private final List<NDArray> averages = new ArrayList<>();
  private long version;

  /**
   * @param pipeline the model as training finds it, and the reference from then on; closed with the
   *     learner
   * @param policy what is trained of it
   * @param sampler how the samples are drawn
   * @param trainingSteps of the run, for the learning rate's decay
   */
  public PolicyLearner(
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
    this.base = pipeline.checksum();
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
    PolicyUpdate update =
        new PolicyUpdate(pipeline, policy, sampler, config, () -> move(trainingStep), cancelled);
    UpdateMetrics metrics;
    try {
      metrics = update.run(samples);
    } catch (ai.djl.engine.EngineException e) {
      throw OutOfMemory.line(e).<RuntimeException>map(line -> doesNotFit(line, e)).orElse(e);
    } finally {
      // Otherwise it is gone with the last optimiser step, unless that was skipped.
      policy.denoiser().release();
    }
    version++;
    return metrics;
  }

  private EngineException doesNotFit(String line, ai.djl.engine.EngineException cause) {
    String rows =
        config.microBatch().isPresent()
            ? Integer.toString(config.microBatch().getAsInt())
            : "null, the rows of the rollout's forwards";
    return new EngineException(
        "the update does not fit on %s: %s; set update.activationCheckpointing=true (now %s) or lower"
                .formatted(pipeline.device(), line, config.activationCheckpointing())
            + " update.microBatch (now %s)".formatted(rows),
        cause);
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

  private PolicyUpdate.Optimizer.Outcome move(int trainingStep) {
    double rate =
        LearningRate.at(config.optimizer(), optimizer.steps(), trainingStep, trainingSteps);
    try (TensorScope _ = new TensorScope()) {
      double norm = optimizer.step(rate, policy.gradients());
      policy.clearGradients();
      if (Double.isFinite(norm)) {
        policy.applyParameters();
        average();
      }
      return new PolicyUpdate.Optimizer.Outcome(norm, rate);
    }
  }

  private void average() {
    EmaConfig ema = config.ema();
    if (ema.decay() > 0 && optimizer.steps() % ema.every() == 0) {
      pipeline
          .kernels()
          .run(
              "ema_step",
              pipeline.manager().create((float) (1 - ema.decay())),
              averages,
              List.copyOf(policy.parameters().values()));
    }
  }

  @Override
  public PolicyWeights weights() {
    return PolicyWeights.of(version, read(policy.weights()));
  }

  @Override
  public Optional<PolicyWeights> averagedWeights() {
    if (averages.isEmpty()) {
      return Optional.empty();
    }
    try (TensorScope _ = new TensorScope()) {
      return Optional.of(PolicyWeights.of(version, read(policy.weights(averages))));
    }
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
