package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.EmaConfig;
import io.flowloop.config.LoraConfig;
import io.flowloop.config.LossConfig;
import io.flowloop.config.LossType;
import io.flowloop.config.SdeType;
import io.flowloop.engine.glyph.TinyGlyph;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CancellationException;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PolicyLearnerTest {

  private static final int ROWS = 8;
  private static final LoraConfig LORA =
      new LoraConfig(4, 8, List.of("to_qkv", "to_out", "mlp.0", "mlp.2"));

  private PipelineEngine engine;
  private PolicyWeights start;

  @BeforeAll
  void open() {
    engine = TinyGlyph.engine(ROWS);
    try (PolicyLearner learner = new TinyUpdate().learner()) {
      start = learner.weights();
    }
  }

  @AfterAll
  void close() {
    engine.close();
  }

  /** A learner, and the engine as well at the start. */
  private PolicyLearner learner(TinyUpdate settings) {
    engine.load(start);
    return settings.learner();
  }

  /** Above the mean +1, below it −1. */
  private static List<TrainingSample> judged(
      List<Sample> samples, ToDoubleFunction<Sample> reward, double sign) {
    List<Sample> sorted = samples.stream().sorted(Comparator.comparingDouble(reward)).toList();
    double median = reward.applyAsDouble(sorted.get(sorted.size() / 2));
    return samples.stream()
        .map(
            sample ->
                new TrainingSample(sample, reward.applyAsDouble(sample) >= median ? sign : -sign))
        .toList();
  }

  private static double brightness(Sample sample) {
    double sum = 0;
    for (float value : sample.trajectory().finalLatents()) {
      sum += value;
    }
    return sum / sample.trajectory().finalLatents().length;
  }

  /** Mean brightness after so many updates that favour bright images. */
  private double trained(TinyUpdate settings, int updates, double sign) {
    try (PolicyLearner learner = learner(settings)) {
      for (int step = 0; step < updates; step++) {
        List<Sample> samples = settings.draw(engine, step);
        learner.update(judged(samples, PolicyLearnerTest::brightness, sign), step, () -> false);
        PolicyWeights weights = learner.weights();
        assertThat(engine.load(weights)).isEqualTo(weights.checksum());
      }
      return settings.draw(engine, 1_000).stream()
          .mapToDouble(PolicyLearnerTest::brightness)
          .average()
          .orElseThrow();
    }
  }

  /** Brighter where bright images are favoured, darker where dark ones are. */
  private void assertTrains(TinyUpdate settings, int updates) {
    double before = trained(settings, 0, 1);
    double up = trained(settings, updates, 1);
    double down = trained(settings, updates, -1);

    assertThat(up).isGreaterThan(before + 0.02);
    assertThat(down).isLessThan(before - 0.02);
  }

  @ParameterizedTest
  @EnumSource(LossType.class)
  void update_anyLoss_trainsTowardsTheReward(LossType type) {
    TinyUpdate settings = new TinyUpdate();
    settings.loss = new LossConfig(type, 1e-3, 1e-5, 0);
    settings.miniBatch = 2 * ROWS;
    settings.learningRate = 3e-3;

    assertTrains(settings, 8);
  }

  @ParameterizedTest
  @EnumSource(value = SdeType.class, names = "ODE", mode = EnumSource.Mode.EXCLUDE)
  void update_anySampler_hasRatiosOfExactlyOneOnFreshData(SdeType type) {
    for (double guidance : new double[] {1, 3}) {
      for (Policy.Factory policy : policies()) {
        TinyUpdate settings = new TinyUpdate();
        settings.sdeType = type;
        settings.guidanceScale = guidance;
        settings.loss = new LossConfig(LossType.GRPO_GUARD, 1e-3, 1e-5, 0.1);
        settings.policy = policy;

        assertRatiosOfExactlyOne(settings);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(LossType.class)
  void update_anyLoss_hasRatiosOfExactlyOneOnFreshData(LossType loss) {
    for (Policy.Factory policy : policies()) {
      TinyUpdate settings = new TinyUpdate();
      settings.loss = new LossConfig(loss, 1e-3, 1e-5, 0.1);
      settings.policy = policy;

      assertRatiosOfExactlyOne(settings);
    }
  }

  private void assertRatiosOfExactlyOne(TinyUpdate settings) {
    settings.miniBatch = 2 * ROWS;
    try (PolicyLearner learner = learner(settings)) {
      // As a run begins: adapters that change nothing yet take other kernels than none.
      engine.load(learner.weights());
      for (int step = 0; step < 2; step++) {
        UpdateMetrics metrics =
            learner.update(
                judged(settings.draw(engine, step), PolicyLearnerTest::brightness, 1),
                step,
                () -> false);

        assertThat(metrics.freshRatioError()).isZero();
        assertThat(metrics.ratioMean()).isEqualTo(1);
        assertThat(metrics.ratioStd()).isZero();
        assertThat(metrics.clipFraction()).isZero();
        assertThat(metrics.approxKl()).isZero();
        assertThat(metrics.optimizerSteps()).isEqualTo(1);
        engine.load(learner.weights());
      }
    }
  }

  private static List<Policy.Factory> policies() {
    return List.of(FullPolicy::new, pipeline -> new LoraPolicy(pipeline, LORA, 3));
  }

  @Test
  void update_severalMiniBatches_movesRatiosAwayFromOne() {
    TinyUpdate settings = new TinyUpdate();
    UpdateMetrics metrics = update(settings);

    assertThat(metrics.optimizerSteps()).isEqualTo(2);
    assertThat(metrics.freshRatioError()).isZero();
    assertThat(metrics.ratioStd()).isPositive();
    assertThat(metrics.logProbDrift()).containsOnlyKeys(1, 2);
    assertThat(metrics.forwards()).containsOnlyKeys(ROWS).containsEntry(ROWS, 4);
  }

  private UpdateMetrics update(TinyUpdate settings) {
    try (PolicyLearner learner = learner(settings)) {
      return learner.update(
          judged(settings.draw(engine, 0), PolicyLearnerTest::brightness, 1), 0, () -> false);
    }
  }

  @Test
  void update_lora_trainsTowardsTheRewardAndKeepsItsReference() {
    TinyUpdate settings = new TinyUpdate();
    settings.policy = pipeline -> new LoraPolicy(pipeline, LORA, 3);
    settings.miniBatch = 2 * ROWS;
    settings.learningRate = 0.1;

    // Adapters reach the velocity through the gates alone, so that it takes them more updates.
    assertTrains(settings, 24);
  }

  @Test
  void update_checkpointedBlocks_giveTheBitsOfTheWholeGraph() {
    for (double guidance : new double[] {1, 3}) {
      TinyUpdate whole = new TinyUpdate();
      whole.guidanceScale = guidance;
      TinyUpdate checkpointed = new TinyUpdate();
      checkpointed.guidanceScale = guidance;
      checkpointed.checkpointing = true;

      assertThat(state(checkpointed, 2)).isEqualTo(state(whole, 2));
    }
  }

  /** Checksums of all that a learner has after so many updates. */
  private List<Long> state(TinyUpdate settings, int updates) {
    try (PolicyLearner learner = learner(settings)) {
      for (int step = 0; step < updates; step++) {
        learner.update(
            judged(settings.draw(engine, step), PolicyLearnerTest::brightness, 1),
            step,
            () -> false);
        engine.load(learner.weights());
      }
      return checksums(learner.state());
    }
  }

  private static List<Long> checksums(LearnerState state) {
    return List.of(
        state.version(),
        (long) state.optimizerSteps(),
        PolicyWeights.checksum(state.parameters()),
        PolicyWeights.checksum(state.firstMoments()),
        PolicyWeights.checksum(state.secondMoments()),
        PolicyWeights.checksum(state.averages()));
  }

  @Test
  void restore_stateOfAnother_goesOnWithTheSameBits() {
    for (Policy.Factory policy : policies()) {
      TinyUpdate settings = new TinyUpdate();
      settings.policy = policy;
      settings.ema = new EmaConfig(0.9, 1);
      try (PolicyLearner learner = learner(settings);
          PolicyLearner other = settings.learner()) {
        learner.update(
            judged(settings.draw(engine, 0), PolicyLearnerTest::brightness, 1), 0, () -> false);
        other.restore(learner.state());
        engine.load(learner.weights());
        List<TrainingSample> next =
            judged(settings.draw(engine, 1), PolicyLearnerTest::brightness, 1);
        learner.update(next, 1, () -> false);
        UpdateMetrics metrics = other.update(next, 1, () -> false);

        assertThat(metrics.freshRatioError()).isZero();
        assertThat(checksums(other.state())).isEqualTo(checksums(learner.state()));
        assertThat(other.averagedWeights().map(PolicyWeights::checksum))
            .isPresent()
            .isEqualTo(learner.averagedWeights().map(PolicyWeights::checksum));
      }
    }
  }

  @Test
  void averagedWeights_withEma_lieBetweenStartAndPolicy() {
    TinyUpdate settings = new TinyUpdate();
    settings.ema = new EmaConfig(0.5, 1);
    settings.miniBatch = 2 * ROWS;
    try (PolicyLearner learner = learner(settings)) {
      float before = first(learner.weights());
      learner.update(
          judged(settings.draw(engine, 0), PolicyLearnerTest::brightness, 1), 0, () -> false);
      float after = first(learner.weights());
      float kept = first(learner.averagedWeights().orElseThrow());

      assertThat(after).isNotEqualTo(before);
      assertThat(kept).isEqualTo(before + (after - before) / 2);
      assertThat(first(learner.weights())).isEqualTo(after);
    }
  }

  private static float first(PolicyWeights weights) {
    return weights.tensors().firstEntry().getValue().values()[0];
  }

  @Test
  void update_betaAboveZero_measuresTheDistanceFromTheReference() {
    TinyUpdate settings = new TinyUpdate();
    settings.loss = new LossConfig(LossType.FLOW_GRPO, 1e-3, 1e-5, 1);
    settings.miniBatch = ROWS;

    assertThat(update(settings).klLoss()).isPositive();
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 16})
  void update_microBatchOfAnotherSize_saysThatRatiosAreNotExact(int rows) {
    TinyUpdate settings = new TinyUpdate();
    settings.microBatch = OptionalInt.of(rows);
    settings.miniBatch = 2 * ROWS;
    UpdateMetrics metrics = update(settings);

    assertThat(metrics.forwards()).containsOnlyKeys(rows);
    assertThat(metrics.freshRatioError()).isLessThan(1e-4);
  }

  @Test
  void update_advantagesThatAreNotNumbersOnTheDevice_skipTheStepAndSaySo() {
    TinyUpdate settings = new TinyUpdate();
    settings.miniBatch = 2 * ROWS;
    try (PolicyLearner learner = learner(settings)) {
      PolicyWeights before = learner.weights();
      List<TrainingSample> huge =
          settings.draw(engine, 0).stream()
              .map(sample -> new TrainingSample(sample, 1e300))
              .toList();

      UpdateMetrics metrics = learner.update(huge, 0, () -> false);

      assertThat(metrics.skippedSteps()).isEqualTo(1);
      assertThat(metrics.optimizerSteps()).isZero();
      assertThat(learner.weights().checksum()).isEqualTo(before.checksum());
    }
  }

  @Test
  void update_sampleOfAnotherVersion_isRefused() {
    TinyUpdate settings = new TinyUpdate();
    try (PolicyLearner learner = learner(settings)) {
      List<TrainingSample> samples =
          judged(settings.draw(engine, 0), PolicyLearnerTest::brightness, 1);
      learner.update(samples, 0, () -> false);

      assertThatThrownBy(() -> learner.update(samples, 1, () -> false))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("drawn by policy version 0 (expected: 1, the learner's)");
    }
  }

  @Test
  void update_cancelled_isGivenUpBetweenForwards() {
    TinyUpdate settings = new TinyUpdate();
    try (PolicyLearner learner = learner(settings)) {
      List<TrainingSample> samples =
          judged(settings.draw(engine, 0), PolicyLearnerTest::brightness, 1);
      LearnerState before = learner.state();
      int[] asked = {0};

      assertThatThrownBy(() -> learner.update(samples, 0, () -> ++asked[0] > 3))
          .isInstanceOf(CancellationException.class);
      learner.restore(before);

      assertThat(checksums(learner.state())).isEqualTo(checksums(before));
    }
  }

  @Test
  void restore_stateOfAnotherModel_isRefused() {
    TinyUpdate settings = new TinyUpdate();
    TinyUpdate lora = new TinyUpdate();
    lora.policy = pipeline -> new LoraPolicy(pipeline, LORA, 3);
    try (PolicyLearner learner = learner(settings);
        PolicyLearner adapters = lora.learner()) {
      LearnerState state = learner.state();
      LearnerState foreign =
          new LearnerState(
              0,
              0,
              state.base() + 1,
              state.parameters(),
              state.firstMoments(),
              state.secondMoments(),
              state.averages());

      assertThatThrownBy(() -> learner.restore(foreign)).hasMessageContaining("other weights");
      assertThatThrownBy(() -> adapters.restore(state)).hasMessageContaining("update.lora");
    }
  }

  @Test
  void lora_targetThatIsNoLayer_namesThoseThatAre() {
    LoraConfig lora = new LoraConfig(2, 4, List.of("to_q"));
    TinyUpdate settings = new TinyUpdate();
    settings.policy = pipeline -> new LoraPolicy(pipeline, lora, 3);

    assertThatThrownBy(settings::learner)
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("update.lora.targets: to_q (expected:")
        .hasMessageContaining("to_qkv")
        .hasMessageContaining("mlp.0");
  }

  @Test
  void update_manyUpdates_leavesNoTensorBehind() {
    TinyUpdate settings = new TinyUpdate();
    settings.loss = new LossConfig(LossType.GRPO_GUARD, 1e-3, 1e-5, 0.1);
    settings.policy = pipeline -> new LoraPolicy(pipeline, LORA, 3);
    settings.ema = new EmaConfig(0.9, 1);
    try (PolicyLearner learner = learner(settings)) {
      int tensors = 0;
      for (int step = 0; step < 4; step++) {
        learner.update(
            judged(settings.draw(engine, step), PolicyLearnerTest::brightness, 1),
            step,
            () -> false);
        engine.load(learner.weights());
        learner.state();
        var _ = learner.averagedWeights();
        if (step == 0) {
          tensors = learner.liveTensors();
        }
      }
      assertThat(learner.liveTensors()).isEqualTo(tensors);
    }
  }
}
