package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.config.LossConfig;
import io.flowloop.config.LossType;
import io.flowloop.engine.glyph.CentralDifferences;
import io.flowloop.engine.glyph.GlyphTwin;
import io.flowloop.engine.glyph.TinyGlyph;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The gradient that AdamW is handed, against the loss written out in plain Java. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FlowGrpoLossTest {

  private static final int ROWS = 2;
  private static final double NOISE_LEVEL = 0.7;

  /** Of the log-probs that samples were drawn with; far outside of any clip range used below. */
  private static final double SHIFT = 0.2;

  private PipelineEngine engine;

  @BeforeAll
  void open() {
    engine = TinyGlyph.engine(ROWS);
  }

  @AfterAll
  void close() {
    engine.close();
  }

  private static TinyUpdate settings(LossConfig loss) {
    TinyUpdate settings = new TinyUpdate();
    settings.rows = ROWS;
    settings.miniBatch = TinyUpdate.PROMPTS.size() * ROWS;
    settings.loss = loss;
    settings.learningRate = 1e-2;
    settings.maxGradientNorm = 1e9;
    return settings;
  }

  @ParameterizedTest
  @EnumSource(LossType.class)
  void update_withinTheRange_descendsTheSlopesOfTheFormula(LossType type) {
    assertSlopes(settings(new LossConfig(type, 0.9, 1e9, 0.3)));
  }

  @ParameterizedTest
  @EnumSource(LossType.class)
  void update_someRowsOutsideTheRange_descendsTheSlopesOfTheFormula(LossType type) {
    assertSlopes(settings(new LossConfig(type, 1e-3, 0, 0.3)));
  }

  @Test
  void update_guided_descendsTheSlopesOfTheFormula() {
    TinyUpdate settings = settings(new LossConfig(LossType.GRPO_GUARD, 0.9, 1e9, 0.3));
    settings.guidanceScale = 3;

    assertSlopes(settings);
  }

  private void assertSlopes(TinyUpdate settings) {
    SecondStep step = secondStep(settings);
    GlyphTwin policy = twin(step.now());
    List<Term> terms = terms(step, settings.guidanceScale);

    CentralDifferences.assertGradients(
        step.gradients(),
        policy::weight,
        () -> loss(policy, terms, settings.loss, settings.guidanceScale),
        1,
        1e-3);
  }

  /**
   * The second optimiser step of the second update on its samples: neither the reference nor the
   * policy that drew them has the weights any more.
   *
   * @param reference the weights of the first update's start
   * @param old those that drew the samples
   * @param now those that the gradient was taken at
   */
  private record SecondStep(
      List<TrainingSample> samples,
      SortedMap<String, HostTensor> reference,
      SortedMap<String, HostTensor> old,
      SortedMap<String, HostTensor> now,
      Map<String, float[]> gradients) {}

  private SecondStep secondStep(TinyUpdate settings) {
    try (PolicyLearner once = settings.learner();
        PolicyLearner twice = twice(settings)) {
      PolicyWeights reference = once.weights();
      engine.load(reference);
      once.update(shifted(settings.draw(engine, 0)), 0, () -> false);
      twice.restore(once.state());
      PolicyWeights old = once.weights();
      engine.load(old);
      List<TrainingSample> samples = shifted(settings.draw(engine, 1));
      once.update(samples, 1, () -> false);
      twice.update(samples, 1, () -> false);
      return new SecondStep(
          samples,
          reference.tensors(),
          old.tensors(),
          once.weights().tensors(),
          lastGradients(once.state().firstMoments(), twice.state().firstMoments()));
    }
  }

  private static PolicyLearner twice(TinyUpdate settings) {
    settings.epochs = 2;
    try {
      return settings.learner();
    } finally {
      settings.epochs = 1;
    }
  }

  /** AdamW's moments are .9 times those before it, and .1 times the gradient. */
  private static Map<String, float[]> lastGradients(
      Map<String, HostTensor> before, Map<String, HostTensor> after) {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    after.forEach(
        (name, moment) -> {
          float[] values = moment.values().clone();
          float[] earlier = Objects.requireNonNull(before.get(name)).values();
          for (int i = 0; i < values.length; i++) {
            values[i] = (float) ((values[i] - 0.9 * earlier[i]) / 0.1);
          }
          gradients.put(name, values);
        });
    return gradients;
  }

  /** Of each prompt's rows one was less probable than it is now, one more; one prompt is good. */
  private static List<TrainingSample> shifted(List<Sample> samples) {
    return IntStream.range(0, samples.size())
        .mapToObj(
            row ->
                new TrainingSample(
                    shifted(samples.get(row), row % 2 == 0 ? -SHIFT : SHIFT),
                    row < ROWS ? 1.5 : -0.5))
        .toList();
  }

  /** Drawn with other log-probs. */
  private static Sample shifted(Sample sample, double shift) {
    Trajectory trajectory = sample.trajectory();
    float[] logProbs = trajectory.logProbs().clone();
    for (int w = 0; w < logProbs.length; w++) {
      logProbs[w] += (float) shift;
    }
    return new Sample(
        sample.row(),
        sample.image(),
        new Trajectory(
            trajectory.latents(),
            trajectory.finalLatents(),
            trajectory.sigmas(),
            trajectory.window(),
            logProbs),
        sample.promptEmbedding(),
        sample.policyVersion(),
        sample.timings());
  }

  private static GlyphTwin twin(Map<String, HostTensor> weights) {
    GlyphTwin twin = TinyGlyph.twin(TinyGlyph.weights());
    weights.forEach(
        (name, tensor) -> {
          for (int i = 0; i < tensor.values().length; i++) {
            twin.weight(name)[i] = tensor.values()[i];
          }
        });
    return twin;
  }

  /**
   * One trained denoising step of one sample.
   *
   * @param next σ'
   */
  private record Term(
      String prompt,
      float[] before,
      float[] after,
      double sigma,
      double next,
      double oldLogProb,
      double advantage,
      double[] oldMean,
      double[] referenceMean) {

    Term with(double[] oldMean, double[] referenceMean) {
      return new Term(
          prompt, before, after, sigma, next, oldLogProb, advantage, oldMean, referenceMean);
    }

    double dt() {
      return next - sigma;
    }

    /** s = a·√(σ / (1 − σ)). */
    double diffusion() {
      return NOISE_LEVEL * Math.sqrt(sigma / (1 - sigma));
    }

    double std() {
      return diffusion() * Math.sqrt(-dt());
    }

    /** x·(1 + s²/(2σ)·dt) + v·(1 + s²(1 − σ)/(2σ))·dt. */
    double[] mean(GlyphTwin network, double guidanceScale) {
      double[] velocity = network.guided(before, sigma, prompt, guidanceScale);
      double drift = diffusion() * diffusion() / (2 * sigma);
      double[] mean = new double[velocity.length];
      for (int i = 0; i < mean.length; i++) {
        mean[i] = before[i] * (1 + drift * dt()) + velocity[i] * (1 + drift * (1 - sigma)) * dt();
      }
      return mean;
    }

    /** MEAN[ −(x' − mean)²/(2 std²) − ln std − ½ ln 2π ]. */
    double logProb(double[] mean) {
      double sum = 0;
      for (int i = 0; i < mean.length; i++) {
        double z = (after[i] - mean[i]) / std();
        sum += -z * z / 2 - Math.log(std()) - Math.log(2 * Math.PI) / 2;
      }
      return sum / mean.length;
    }
  }

  private static List<Term> terms(SecondStep step, double guidanceScale) {
    GlyphTwin old = twin(step.old());
    GlyphTwin reference = twin(step.reference());
    List<Term> terms = new ArrayList<>();
    for (int row = 0; row < step.samples().size(); row++) {
      Trajectory trajectory = step.samples().get(row).sample().trajectory();
      for (int w = 0; w < trajectory.window().size(); w++) {
        int i = trajectory.window().start() + w;
        Term term =
            new Term(
                TinyUpdate.PROMPTS.get(row / ROWS),
                trajectory.latents()[w],
                trajectory.latents()[w + 1],
                trajectory.sigmas()[i],
                trajectory.sigmas()[i + 1],
                trajectory.logProbs()[w],
                step.samples().get(row).advantage(),
                new double[0],
                new double[0]);
        terms.add(term.with(term.mean(old, guidanceScale), term.mean(reference, guidanceScale)));
      }
    }
    return terms;
  }

  private static double loss(
      GlyphTwin policy, List<Term> terms, LossConfig config, double guidanceScale) {
    return terms.stream()
        .mapToDouble(term -> loss(term, term.mean(policy, guidanceScale), config))
        .average()
        .orElseThrow();
  }

  private static double loss(Term term, double[] mean, LossConfig config) {
    double logRatio = term.logProb(mean) - term.oldLogProb();
    double d = distance(mean, term.oldMean()) / (2 * term.std() * term.std());
    double kl = distance(mean, term.referenceMean()) / (2 * term.diffusion() * term.diffusion());
    double policy =
        switch (config.type()) {
          case FLOW_GRPO -> clipped(Math.exp(logRatio), term.advantage(), config.clipRange());
          case GRPO_GUARD ->
              clipped(Math.exp((logRatio + d) * term.std()), term.advantage(), config.clipRange())
                  / -term.dt();
          case FLOW_DPPO ->
              d >= config.divergenceLimit() && logRatio * term.advantage() > 0
                  ? 0
                  : -term.advantage() * Math.exp(logRatio);
        };
    return policy + config.beta() * kl;
  }

  private static double clipped(double ratio, double advantage, double range) {
    return Math.max(-advantage * ratio, -advantage * Math.clamp(ratio, 1 - range, 1 + range));
  }

  /** MEAN[(a − b)²]. */
  private static double distance(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return sum / a.length;
  }

  /** Of samples that are all good or all bad, and all more or all less probable than drawn. */
  @ParameterizedTest
  @CsvSource({
    "FLOW_GRPO, 1, 1, true", "FLOW_GRPO, 1, -1, false",
    "FLOW_GRPO, -1, 1, false", "FLOW_GRPO, -1, -1, true",
    "GRPO_GUARD, 1, 1, true", "GRPO_GUARD, 1, -1, false",
    "GRPO_GUARD, -1, 1, false", "GRPO_GUARD, -1, -1, true",
    "FLOW_DPPO, 1, 1, true", "FLOW_DPPO, 1, -1, false",
    "FLOW_DPPO, -1, 1, false", "FLOW_DPPO, -1, -1, true"
  })
  void update_outsideTheRange_isCutOnTheSideOfTheAdvantage(
      LossType type, int ratioSign, int advantageSign, boolean cut) {
    TinyUpdate settings = settings(new LossConfig(type, 1e-3, 0, 0));
    try (PolicyLearner learner = settings.learner()) {
      engine.load(learner.weights());
      List<TrainingSample> samples =
          settings.draw(engine, 0).stream()
              .map(sample -> new TrainingSample(shifted(sample, -ratioSign * SHIFT), advantageSign))
              .toList();
      UpdateMetrics metrics = learner.update(samples, 0, () -> false);

      assertThat(norm(learner.state().firstMoments())).matches(norm -> cut == (norm == 0));
      assertThat(metrics.gradientNorm()).matches(norm -> cut == (norm == 0));
      boolean counted = cut || type != LossType.FLOW_DPPO;
      assertThat(metrics.clipFractionHigher()).isEqualTo(counted && ratioSign > 0 ? 1 : 0);
      assertThat(metrics.clipFractionLower()).isEqualTo(counted && ratioSign < 0 ? 1 : 0);
    }
  }

  @Test
  void update_belowTheDivergenceLimit_isNotCut() {
    TinyUpdate settings = settings(new LossConfig(LossType.FLOW_DPPO, 1e-3, 1e-9, 0));
    try (PolicyLearner learner = settings.learner()) {
      engine.load(learner.weights());
      List<TrainingSample> samples =
          settings.draw(engine, 0).stream()
              .map(sample -> new TrainingSample(shifted(sample, -SHIFT), 1))
              .toList();

      assertThat(learner.update(samples, 0, () -> false).clipFraction()).isZero();
      assertThat(norm(learner.state().firstMoments())).isPositive();
    }
  }

  private static double norm(Map<String, HostTensor> tensors) {
    double squares = 0;
    for (HostTensor tensor : tensors.values()) {
      for (float value : tensor.values()) {
        squares += (double) value * value;
      }
    }
    return Math.sqrt(squares);
  }
}
