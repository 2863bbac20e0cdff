package io.flowloop.engine;

import io.flowloop.config.EmaConfig;
import io.flowloop.config.LearningRateDecay;
import io.flowloop.config.LoraConfig;
import io.flowloop.config.LossConfig;
import io.flowloop.config.LossType;
import io.flowloop.config.OptimizerConfig;
import io.flowloop.config.SamplerConfig;
import io.flowloop.config.SdeType;
import io.flowloop.config.SdeWindowStrategy;
import io.flowloop.config.UpdateConfig;
import io.flowloop.engine.glyph.TinyGlyph;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.LongStream;

/** What tests vary of an update of {@link TinyGlyph}: two prompts, a window of two steps. */
final class TinyUpdate {

  static final List<String> PROMPTS = List.of("\"7382\"", "\"05\"");

  /** Samples of a prompt. */
  int rows = 8;

  LossConfig loss = new LossConfig(LossType.FLOW_GRPO, 1e-3, 1e-5, 0);
  SdeType sdeType = SdeType.SDE;
  double guidanceScale = 1;
  double learningRate = 1e-3;
  double maxGradientNorm = 1;
  int epochs = 1;
  int miniBatch = 8;
  OptionalInt microBatch = OptionalInt.empty();
  boolean checkpointing;
  EmaConfig ema = new EmaConfig(0, 1);
  Policy.Factory policy = FullPolicy::new;

  Sampling sampling() {
    return new Sampling(5, guidanceScale, sdeType, 0.7, new SdeWindow(1, 2));
  }

  PolicyLearner learner() {
    return learner(TinyGlyph.pipeline(TinyGlyph.weights()));
  }

  PolicyLearner learner(Pipeline pipeline) {
    return new PolicyLearner(
        pipeline,
        policy,
        new SamplerConfig(
            5,
            guidanceScale,
            sdeType,
            0.7,
            OptionalInt.of(2),
            Optional.empty(),
            SdeWindowStrategy.RANDOM,
            25),
        new UpdateConfig(
            loss,
            new OptimizerConfig(learningRate, 0, LearningRateDecay.CONSTANT, 0, maxGradientNorm),
            epochs,
            miniBatch,
            microBatch,
            checkpointing,
            new LoraConfig(0, 1, List.of()),
            ema),
        100);
  }

  /** The samples of training step {@code step}, prompt by prompt. */
  List<Sample> draw(DiffusionEngine engine, int step) {
    List<Sample> samples = new ArrayList<>();
    for (String prompt : PROMPTS) {
      long first = 1000L * step + samples.size();
      long[] seeds = LongStream.range(first, first + rows).toArray();
      samples.addAll(engine.generate(RolloutRequest.of(prompt, sampling(), seeds)));
    }
    return samples;
  }
}
