package io.flowloop.example;

import io.flowloop.agentloop.FlowLoop;
import io.flowloop.agentloop.TrainingSummary;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.Purpose;
import io.flowloop.engine.RgbImage;
import io.flowloop.reward.RewardFunction;
import io.flowloop.rollout.RewardedSample;
import java.util.List;

/** The README's example of embedding, whole. */
public final class EmbeddedTraining {

  private EmbeddedTraining() {}

  /** How white an image is, 0 to 1. */
  static final class Whiteness implements RewardFunction {

    @Override
    public String name() {
      return "whiteness";
    }

    @Override
    public double score(String prompt, RgbImage image) {
      double sum = 0;
      for (byte value : image.rgb()) {
        sum += Byte.toUnsignedInt(value) / 255.0;
      }
      return sum / image.rgb().length;
    }
  }

  public static void main(String[] settings) { // such as "trainer.steps=20"
    FlowLoopConfig config =
        ConfigLoader.load(ConfigSources.of(settings), FlowLoop.knownNames(), Purpose.TRAINING)
            .config();
    try (FlowLoop loop = FlowLoop.builder(config).rewardFunction(new Whiteness(), 0.1).build()) {
      List<String> prompts = List.of("a sign that says \"7382\"", "a house number \"0412\"");
      for (RewardedSample sample : loop.rollout(prompts).samples()) {
        System.out.printf(
            "%s  row %d  reward %.2f  log-prob %.4f%n",
            sample.row().prompt(),
            sample.row().index(),
            sample.reward().total(),
            sample.sample().trajectory().logProbMean());
      }
      TrainingSummary summary = loop.train();
      summary.best().ifPresent(best -> System.out.println("best validation: " + best.reward()));
    }
  }
}
