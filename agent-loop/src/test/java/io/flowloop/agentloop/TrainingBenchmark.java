package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.PromptFile;
import io.flowloop.engine.UpdateMetrics;
import io.flowloop.reward.Advantages;
import io.flowloop.reward.Reward;
import io.flowloop.reward.RewardFunctions;
import io.flowloop.rollout.RewardScorer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What a training step of the default preset spends its time on, and what the OCR reward and single
 * requests cost it, for {@code docs/benchmarks.md}; run by
 *
 * <pre>mvn test -Dexcluded.tags= -Dtest=TrainingBenchmark -Dsurefire.failIfNoSpecifiedTests=false
 * </pre>
 *
 * <p>Ways take their steps in turns (A B C A B C …), since machines are noisy.
 */
@Tag("benchmark")
class TrainingBenchmark {

  private static final int WARM_UP = 2;
  private static final int MEASURED = 10;

  /** A cheap reward with some spread, so that the update has something to do. */
  private static final RewardScorer FIRST_PIXEL =
      (_, image) -> {
        double grey = image.channel(0, 0, 0) / 255.0;
        return new Reward(grey, Map.of("firstPixel", grey));
      };

  /** What is kept of a step, which itself holds copies of the policy. */
  private record Spent(TrainedStep.Times times, UpdateMetrics metrics) {}

  /** A way of training and the steps it took. */
  private static final class Way implements AutoCloseable {
    private final String name;
    private final FlowLoopConfig config;
    private final RolloutRunner runner;
    private final List<Spent> steps = new ArrayList<>();
    private final List<Double> seconds = new ArrayList<>();

    Way(String name, FlowLoopConfig config, RewardScorer scorer) {
      this.name = name;
      this.config = config;
      this.runner =
          RolloutRunner.start(
              new TrainerActor.Means(
                  config.rollout(),
                  config.sampler(),
                  config.reward(),
                  AgentLoops.byName(config.rollout().agentLoop()),
                  Engines.of(config.model(), config.rollout().maxRowsPerForward()),
                  scorer,
                  Optional.of(Engines.learner(config, Optional.empty())),
                  Optional.empty()),
              _ -> {},
              () -> {});
    }

    void step(int step, List<String> prompts) {
      Advantages advantages = Advantages.of(config.advantage(), Map.of());
      long begun = System.nanoTime();
      TrainedStep trained =
          runner
              .trainStep(
                  RolloutSpec.of(config.rollout(), config.sampler(), prompts, step),
                  List.of(),
                  samples ->
                      advantages.of(
                          samples.stream().map(sample -> sample.reward()).toList(),
                          samples.stream().mapToInt(sample -> sample.row().group()).toArray()),
                  StepJournal.NONE,
                  RolloutListener.NONE)
              .join();
      if (step >= WARM_UP) {
        seconds.add((System.nanoTime() - begun) / 1e9);
        steps.add(new Spent(trained.times(), trained.metrics()));
      }
    }

    double median(ToDoubleFunction<Spent> value) {
      return middle(steps.stream().mapToDouble(value).sorted().toArray());
    }

    double medianSeconds() {
      return middle(seconds.stream().mapToDouble(Double::doubleValue).sorted().toArray());
    }

    /** Median over the turns of the ratio to what another way took in the same turn. */
    double ratioTo(Way other) {
      double[] ratios = new double[seconds.size()];
      for (int i = 0; i < ratios.length; i++) {
        ratios[i] = seconds.get(i) / other.seconds.get(i);
      }
      java.util.Arrays.sort(ratios);
      return middle(ratios);
    }

    private static double middle(double[] sorted) {
      return sorted[sorted.length / 2];
    }

    @Override
    public void close() {
      runner.close();
    }
  }

  @Test
  void step_stagesRewardsAndFlag_sideBySide() throws Exception {
    FlowLoopConfig on = config();
    FlowLoopConfig off = config("rollout.enableBatchedDiffusion=false");
    PromptDataset prompts =
        PromptDataset.of(PromptFile.read(on.data().prompts()).prompts(), on.data().shuffleSeed());
    try (RewardFunctions ocr = RewardFunctions.of(Map.of("ocr", 1.0));
        Way cheap = new Way("batched, cheap reward", on, FIRST_PIXEL);
        Way batched = new Way("batched, OCR", on, ocr::score);
        Way single = new Way("single, OCR", off, ocr::score)) {
      List<Way> ways = List.of(cheap, batched, single);
      int count = on.data().promptsPerStep();
      for (int step = 0; step < WARM_UP + MEASURED; step++) {
        List<String> texts =
            prompts.promptsAt((long) step * count, count).stream().map(Prompt::text).toList();
        for (Way way : ways) {
          way.step(step, texts);
        }
      }
      for (Way way : ways) {
        System.out.printf(
            "%-22s step %.2f s: gen %.2f, reward %.2f, log-prob %.2f, update %.2f, sync %.3f,"
                + " ratio to the first %.3f%n",
            way.name,
            way.medianSeconds(),
            way.median(step -> seconds(step.times().generate())),
            way.median(step -> seconds(step.times().reward())),
            way.median(step -> seconds(step.metrics().logProbTime())),
            way.median(step -> seconds(step.metrics().updateTime())),
            way.median(step -> seconds(step.times().sync())),
            way.ratioTo(cheap));
      }
      assertThat(batched.steps)
          .extracting(Spent::metrics)
          .extracting(UpdateMetrics::freshRatioError)
          .containsOnly(0.0);
    }
  }

  private static double seconds(Duration time) {
    return time.toNanos() / 1e9;
  }

  private static FlowLoopConfig config(String... settings) {
    return ConfigLoader.load(ConfigSources.of(settings), FlowLoop.knownNames()).config();
  }
}
