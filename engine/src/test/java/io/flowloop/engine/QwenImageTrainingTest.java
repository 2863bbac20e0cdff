package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.Dtype;
import io.flowloop.config.LoraConfig;
import io.flowloop.config.LossConfig;
import io.flowloop.config.LossType;
import io.flowloop.engine.qwenimage.QwenImagePipeline;
import io.flowloop.engine.qwenimage.TinyQwenImage;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** FlowGRPO on a Qwen-Image of two blocks: prompts of two lengths, heads that turn. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class QwenImageTrainingTest {

  private static final int ROWS = 3;

  private static final Duration WAIT = Duration.ofMinutes(2);

  /** The layers of the published recipe. */
  private static final List<String> TARGETS =
      List.of(
          "to_q",
          "to_k",
          "to_v",
          "to_out.0",
          "add_q_proj",
          "add_k_proj",
          "add_v_proj",
          "to_add_out",
          "img_mlp.net.0.proj",
          "img_mlp.net.2",
          "txt_mlp.net.0.proj",
          "txt_mlp.net.2");

  /** What is trained, of weights in what. */
  enum Trained {
    ALL(Dtype.FLOAT32),
    ADAPTERS(Dtype.FLOAT32),
    ADAPTERS_OF_BFLOAT16(Dtype.BFLOAT16);

    private final Dtype dtype;

    Trained(Dtype dtype) {
      this.dtype = dtype;
    }

    private Policy policy(Pipeline pipeline) {
      return this == ALL
          ? new FullPolicy(pipeline)
          : new LoraPolicy(pipeline, new LoraConfig(4, 8, TARGETS), 3);
    }

    TinyUpdate update() {
      TinyUpdate settings = new TinyUpdate();
      settings.rows = ROWS;
      settings.miniBatch = 2 * ROWS;
      settings.policy = this::policy;
      return settings;
    }
  }

  private final Map<Trained, PipelineEngine> engines = new EnumMap<>(Trained.class);
  private final Map<Trained, Pipeline> pipelines = new EnumMap<>(Trained.class);

  @AfterAll
  void close() {
    engines.values().forEach(PipelineEngine::close);
    pipelines.values().forEach(Pipeline::close);
  }

  private PipelineEngine engine(Trained trained) {
    return engines.computeIfAbsent(
        trained, _ -> TinyQwenImage.engine(TinyQwenImage.small(trained.dtype), 8));
  }

  /** A learner whose pipeline is the next one's too, for none moves its weights. */
  private PolicyLearner learner(Trained trained, TinyUpdate settings) {
    Pipeline pipeline =
        pipelines.computeIfAbsent(
            trained, _ -> QwenImagePipeline.load(TinyQwenImage.small(trained.dtype).offloaded()));
    InvocationHandler kept =
        (_, method, arguments) ->
            method.getName().equals("close") ? null : method.invoke(pipeline, arguments);
    return settings.learner(
        (Pipeline)
            Proxy.newProxyInstance(
                Pipeline.class.getClassLoader(), new Class<?>[] {Pipeline.class}, kept));
  }

  /** Above the median +1, below it −1. */
  private static List<TrainingSample> judged(List<Sample> samples, double sign) {
    List<Sample> sorted =
        samples.stream()
            .sorted(Comparator.comparingDouble(QwenImageTrainingTest::brightness))
            .toList();
    double median = brightness(sorted.get(sorted.size() / 2));
    return samples.stream()
        .map(sample -> new TrainingSample(sample, brightness(sample) >= median ? sign : -sign))
        .toList();
  }

  private static double brightness(Sample sample) {
    double sum = 0;
    for (float value : sample.trajectory().finalLatents()) {
      sum += value;
    }
    return sum / sample.trajectory().finalLatents().length;
  }

  /** Recorded whole, and block by block: what is exact in one must be so in the other. */
  @ParameterizedTest
  @EnumSource(Trained.class)
  void update_freshData_hasRatiosOfExactlyOneAndTheSameBitsCheckpointed(Trained trained) {
    for (double guidance : new double[] {1, 4}) {
      TinyUpdate settings = trained.update();
      settings.guidanceScale = guidance;
      settings.loss = new LossConfig(LossType.FLOW_GRPO, 1e-3, 1e-5, 0.1);
      List<Long> whole = updatedTwice(trained, settings);
      settings.checkpointing = true;

      assertThat(updatedTwice(trained, settings)).isEqualTo(whole);
    }
  }

  /** Checksums of all that a learner has after two updates, each of which is exact. */
  private List<Long> updatedTwice(Trained trained, TinyUpdate settings) {
    PipelineEngine engine = engine(trained);
    try (PolicyLearner learner = learner(trained, settings)) {
      // As a run begins: adapters that change nothing yet take other kernels than none.
      engine.load(learner.weights());
      List<Integer> tensors = new ArrayList<>();
      for (int step = 0; step < 2; step++) {
        UpdateMetrics metrics =
            learner.update(judged(settings.draw(engine, step), 1), step, () -> false);

        assertThat(metrics.freshRatioError()).isZero();
        assertThat(metrics.ratioMean()).isEqualTo(1);
        assertThat(metrics.ratioStd()).isZero();
        assertThat(metrics.approxKl()).isZero();
        assertThat(metrics.gradientNorm()).isPositive();
        assertThat(metrics.optimizerSteps()).isEqualTo(1);
        PolicyWeights weights = learner.weights();
        assertThat(engine.load(weights)).isEqualTo(weights.checksum());
        tensors.add(learner.liveTensors() + engine.liveTensors());
      }
      assertThat(tensors.getLast()).isEqualTo(tensors.getFirst());
      LearnerState state = learner.state();
      return List.of(
          PolicyWeights.checksum(state.parameters()),
          PolicyWeights.checksum(state.firstMoments()),
          PolicyWeights.checksum(state.secondMoments()));
    }
  }

  @ParameterizedTest
  @EnumSource(Trained.class)
  void update_brightImagesFavoured_drawsBrighterOnes(Trained trained) {
    TinyUpdate settings = trained.update();
    settings.rows = 8;
    settings.miniBatch = 16;
    settings.guidanceScale = trained.dtype == Dtype.FLOAT32 ? 4 : 1;
    settings.learningRate = trained == Trained.ALL ? 1e-3 : 0.02;
    double up = trained(trained, settings, 1);
    double down = trained(trained, settings, -1);

    assertThat(up - down).isGreaterThan(0.2);
  }

  /** How bright images are after some updates. */
  private double trained(Trained trained, TinyUpdate settings, double sign) {
    PipelineEngine engine = engine(trained);
    try (PolicyLearner learner = learner(trained, settings)) {
      engine.load(learner.weights());
      for (int step = 0; step < 5; step++) {
        learner.update(judged(settings.draw(engine, step), sign), step, () -> false);
        engine.load(learner.weights());
      }
      return brightness(settings.draw(engine, 1_000));
    }
  }

  private static double brightness(List<Sample> samples) {
    return samples.stream().mapToDouble(QwenImageTrainingTest::brightness).average().orElseThrow();
  }

  /** Each request brings one row; those of one prompt share its text, as they do in the update. */
  @ParameterizedTest
  @EnumSource(Trained.class)
  void update_singleRequestsOfOnePromptInAPack_hasRatiosOfExactlyOne(Trained trained) {
    TinyUpdate settings = trained.update();
    PipelineEngine engine = engine(trained);
    try (PolicyLearner learner = learner(trained, settings)) {
      engine.load(learner.weights());
      List<RolloutRequest> requests = new ArrayList<>();
      for (String prompt : TinyUpdate.PROMPTS) {
        for (int row = 0; row < 4; row++) {
          requests.add(RolloutRequest.of(prompt, settings.sampling(), requests.size() + 1));
        }
      }
      List<Sample> samples =
          engine.generate(requests, StepListener.NONE).stream()
              .flatMap(drawn -> drawn.samples().stream())
              .toList();

      UpdateMetrics metrics = learner.update(judged(samples, 1), 0, () -> false);

      assertThat(metrics.freshRatioError()).isZero();
      assertThat(metrics.forwards()).containsExactly(Map.entry(4, 4));
    }
  }

  @Test
  void update_microBatchesOfPromptsOfTwoLengths_cutsBetweenThem() {
    Trained trained = Trained.ADAPTERS;
    TinyUpdate settings = trained.update();
    settings.microBatch = OptionalInt.of(2);
    PipelineEngine engine = engine(trained);
    try (PolicyLearner learner = learner(trained, settings)) {
      engine.load(learner.weights());

      UpdateMetrics metrics = learner.update(judged(settings.draw(engine, 0), 1), 0, () -> false);

      assertThat(metrics.forwards()).containsEntry(2, 4).containsEntry(1, 4);
      assertThat(metrics.freshRatioError()).isLessThan(1e-4);
    }
  }

  /** They share the transformer's weights, and come and go as they like. */
  @Test
  void update_besideAnEngineOfTheSameWeights_hasTheBitsOfEachAlone() {
    TinyUpdate settings = Trained.ADAPTERS_OF_BFLOAT16.update();
    settings.checkpointing = true;
    settings.guidanceScale = 4;
    List<TrainingSample> samples = judged(drawnByItself(settings), 1);
    long learned = learnedByItself(settings, samples);
    CyclicBarrier start = new CyclicBarrier(2);
    try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
      Future<?> drawing =
          threads.submit(
              () -> {
                start.await();
                for (int i = 0; i < 4; i++) {
                  List<Sample> drawn = drawnByItself(settings);
                  for (int row = 0; row < drawn.size(); row++) {
                    assertThat(drawn.get(row).trajectory().finalLatents())
                        .isEqualTo(samples.get(row).sample().trajectory().finalLatents());
                  }
                }
                return null;
              });
      Future<?> learning =
          threads.submit(
              () -> {
                start.await();
                for (int i = 0; i < 4; i++) {
                  assertThat(learnedByItself(settings, samples)).isEqualTo(learned);
                }
                return null;
              });
      assertThat(drawing).succeedsWithin(WAIT);
      assertThat(learning).succeedsWithin(WAIT);
    }
  }

  private static List<Sample> drawnByItself(TinyUpdate settings) {
    try (PipelineEngine own = TinyQwenImage.engine(TinyQwenImage.small(Dtype.BFLOAT16), 8)) {
      return settings.draw(own, 0);
    }
  }

  private static long learnedByItself(TinyUpdate settings, List<TrainingSample> samples) {
    try (PolicyLearner own =
        settings.learner(QwenImagePipeline.load(TinyQwenImage.small(Dtype.BFLOAT16)))) {
      own.update(samples, 0, () -> false);
      return own.weights().checksum();
    }
  }

  @Test
  void create_allWeightsOfBfloat16_isRefusedWithTheSettings() {
    try (QwenImagePipeline pipeline = QwenImagePipeline.load(TinyQwenImage.model(Dtype.BFLOAT16))) {
      assertThatThrownBy(() -> new FullPolicy(pipeline))
          .isInstanceOf(EngineException.class)
          .hasMessage(
              "model.dtype: bfloat16, with update.lora.rank=0 (expected: float32, since bfloat16"
                  + " rounds the steps of training away); train adapters, such as by"
                  + " update.lora.rank=64");
    }
  }
}
