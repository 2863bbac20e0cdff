package io.flowloop.agentloop.bench;

import io.flowloop.agentloop.Engines;
import io.flowloop.agentloop.SdeWindows;
import io.flowloop.config.Device;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.ModelConfig;
import io.flowloop.config.OptimizerConfig;
import io.flowloop.config.UpdateConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.LoraPolicy;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.PipelineEngine;
import io.flowloop.engine.PolicyLearner;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.SampleTimings;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.TorchRuntime;
import io.flowloop.engine.TrainingSample;
import io.flowloop.engine.UpdateMetrics;
import io.flowloop.engine.qwenimage.QwenImageTrial;
import java.time.Duration;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Measures the parts of a model with random weights on one device: first as an engine that draws,
 * then, once that has left the device, as a learner of adapters. A part that the device has no
 * memory for is put down as such, and the rest goes on.
 */
public final class ModelBenchmark {

  private static final double NANOS_PER_MILLI = 1e6;
  private static final double NANOS_PER_SECOND = 1e9;

  private static final String PROMPT = "a sign";

  /** Is told how a benchmark goes, on the thread that runs it. */
  public interface Listener {

    /** The engine is there. */
    void onLoaded();

    /** A part was measured. */
    void onMeasured(PartResult result);
  }

  private final ModelBenchSpec spec;
  private final Listener listener;
  private final ModelConfig model;
  private final Sampling sampling;
  private final PartMeter meter;
  private final Map<Integer, List<Sample>> samples = new HashMap<>();
  private final SequencedMap<String, Double> loadSeconds = new LinkedHashMap<>();
  private int tensors;
  private Map<String, String> kernels = Map.of();
  private long version;

  /** Loads libtorch. */
  public ModelBenchmark(ModelBenchSpec spec, Listener listener) {
    FlowLoopConfig config = spec.config();
    Device device = Engines.device(config.model(), 0);
    this.spec = spec;
    this.listener = listener;
    this.model = config.model().on(device);
    this.sampling = SdeWindows.sampling(config.sampler(), config.rollout().seed(), 0);
    this.meter = new PartMeter(spec, device, listener::onMeasured);
  }

  /** Ends {@link #run} behind the iteration that runs; any thread may call it. */
  public void stop() {
    meter.stop();
  }

  /**
   * Runs it; once only.
   *
   * @throws EngineException if the model cannot be loaded, or a part fails for another reason than
   *     memory
   */
  public ModelBenchResult run() {
    draw();
    if (meter.wants(ModelPart.TRAINING)) {
      train();
    }
    return new ModelBenchResult(
        spec, tensors, kernels, loadSeconds, meter.results(), meter.stopped());
  }

  private void draw() {
    long begun = System.nanoTime();
    QwenImageTrial trial = QwenImageTrial.load(spec.geometry(), spec.textTokens(), model);
    try (PipelineEngine engine = new PipelineEngine(trial.pipeline(), spec.mostRows())) {
      loadSeconds.put("engine", since(begun) / NANOS_PER_SECOND);
      tensors = trial.tensors();
      kernels = trial.kernels(spec.mostRows());
      listener.onLoaded();
      meter.measure(
          ModelPart.MODULATION, 1, 1, () -> taken(trial.modulation(sampling.numInferenceSteps())));
      for (int rows : spec.rows()) {
        meter.measure(ModelPart.FORWARD, rows, 1, () -> taken(trial.forward(rows)));
      }
      if (trial.isFused()) {
        for (int rows : spec.rows()) {
          meter.measure(ModelPart.OPERATORS, rows, 1, () -> taken(trial.byOperators(rows)));
        }
      }
      meter.measure(ModelPart.DECODE, 1, 1, () -> taken(trial.decode()));
      meter.measure(ModelPart.ENCODE, 1, 1, () -> taken(trial.encode()));
      for (double guidance : spec.guidances()) {
        for (int rows : spec.rows()) {
          meter.measure(ModelPart.LOOP, rows, guidance, () -> loop(engine, rows, guidance));
        }
      }
      if (meter.wants(ModelPart.TRAINING)) {
        drawForTraining(trial.pipeline(), engine);
      }
    }
  }

  private static Map<Figure, Double> taken(Duration time) {
    return new EnumMap<>(Map.of(Figure.MS, millis(time)));
  }

  private static double millis(Duration time) {
    return time.toNanos() / NANOS_PER_MILLI;
  }

  private static double since(long begun) {
    return System.nanoTime() - begun;
  }

  private Map<Figure, Double> loop(PipelineEngine engine, int rows, double guidance) {
    long begun = System.nanoTime();
    List<Sample> drawn = drawn(engine, rows, guidance);
    double millis = since(begun) / NANOS_PER_MILLI;
    SampleTimings timings = drawn.getFirst().timings();
    return new EnumMap<>(
        Map.of(
            Figure.MS,
            millis,
            Figure.DENOISE_MS,
            millis(timings.denoise()),
            Figure.DECODE_MS,
            millis(timings.decode())));
  }

  /** The samples of one forward a denoising step. */
  private List<Sample> drawn(PipelineEngine engine, int rows, double guidance) {
    RolloutRequest request =
        RolloutRequest.of(PROMPT, guided(guidance), LongStream.range(0, rows).toArray());
    List<Sample> drawn = engine.generate(request);
    int together = drawn.getFirst().timings().rowsPerForward();
    if (together < rows) {
      throw new PartMeter.MisfitException(
          "memory ran out; forwards of %d rows fit".formatted(together));
    }
    return drawn;
  }

  private Sampling guided(double scale) {
    return new Sampling(
        sampling.numInferenceSteps(),
        scale,
        sampling.sdeType(),
        sampling.noiseLevel(),
        sampling.sdeWindow());
  }

  /**
   * With adapters, as in training: a network rounds otherwise where it has some. Of what does not
   * fit there are no samples.
   */
  private void drawForTraining(Pipeline pipeline, PipelineEngine engine) {
    FlowLoopConfig config = spec.config();
    boolean adapted =
        fits(
            () ->
                engine.load(
                    LoraPolicy.initial(pipeline, config.update().lora(), config.rollout().seed())));
    for (int rows : spec.rows()) {
      if (adapted && meter.wants(ModelPart.TRAINING)) {
        var _ = fits(() -> samples.put(rows, drawn(engine, rows, sampling.guidanceScale())));
      }
    }
  }

  private static boolean fits(Runnable work) {
    try {
      work.run();
      return true;
    } catch (RuntimeException e) {
      var _ = PartMeter.misfit(e);
      return false;
    }
  }

  private void train() {
    TorchRuntime.releaseMemory(model.device());
    long begun = System.nanoTime();
    try (PolicyLearner learner = learner()) {
      loadSeconds.put("learner", since(begun) / NANOS_PER_SECOND);
      for (int rows : spec.rows()) {
        if (samples.containsKey(rows)) {
          List<Sample> drawn = samples.get(rows);
          meter.measure(
              ModelPart.TRAINING, rows, sampling.guidanceScale(), () -> step(learner, drawn));
        } else {
          misfit(rows, "its samples do not fit a forward");
        }
      }
    } catch (PartMeter.MisfitException e) {
      spec.rows().forEach(rows -> misfit(rows, String.valueOf(e.getMessage())));
    }
  }

  private void misfit(int rows, String why) {
    meter.misfit(ModelPart.TRAINING, rows, sampling.guidanceScale(), why);
  }

  /**
   * @throws PartMeter.MisfitException if there is no memory for adapters and their optimiser
   */
  private PolicyLearner learner() {
    // It encodes nothing but the negative prompt, and draws nothing.
    Pipeline pipeline =
        QwenImageTrial.load(spec.geometry(), spec.textTokens(), model.offloaded()).pipeline();
    FlowLoopConfig config = spec.config();
    try {
      return new PolicyLearner(
          pipeline,
          adapted -> new LoraPolicy(adapted, config.update().lora(), config.rollout().seed()),
          config.sampler(),
          update(config.update()),
          1);
    } catch (RuntimeException e) {
      pipeline.close();
      throw new PartMeter.MisfitException(PartMeter.misfit(e));
    }
  }

  /** One forward, backward and step for all rows; a rate of 0, so that all data are fresh. */
  private static UpdateConfig update(UpdateConfig update) {
    OptimizerConfig optimizer = update.optimizer();
    return new UpdateConfig(
        update.loss(),
        new OptimizerConfig(
            0, 0, optimizer.decay(), optimizer.weightDecay(), optimizer.maxGradientNorm()),
        1,
        1,
        OptionalInt.empty(),
        update.activationCheckpointing(),
        update.lora(),
        update.ema());
  }

  private Map<Figure, Double> step(PolicyLearner learner, List<Sample> drawn) {
    List<TrainingSample> rows =
        IntStream.range(0, drawn.size())
            .mapToObj(
                i -> new TrainingSample(ofVersion(version, drawn.get(i)), i % 2 == 0 ? 1 : -1))
            .toList();
    long begun = System.nanoTime();
    UpdateMetrics metrics = learner.update(rows, 0, () -> false);
    double millis = since(begun) / NANOS_PER_MILLI;
    version++;
    if (metrics.optimizerSteps() == 0) {
      throw new EngineException(
          "training step of %d rows: gradients that are not finite (expected: finite numbers); try"
                  .formatted(rows.size())
              + " model.dtype=float32");
    }
    return new EnumMap<>(
        Map.of(
            Figure.MS,
            millis,
            Figure.FORWARD_MS,
            millis(metrics.logProbTime()),
            Figure.BACKWARD_MS,
            millis(metrics.updateTime()),
            Figure.FRESH_RATIO_ERROR,
            metrics.freshRatioError()));
  }

  private static Sample ofVersion(long version, Sample sample) {
    return new Sample(
        sample.row(),
        sample.image(),
        sample.trajectory(),
        sample.promptEmbedding(),
        version,
        sample.timings());
  }
}
