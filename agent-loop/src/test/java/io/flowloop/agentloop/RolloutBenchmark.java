package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.PromptFile;
import io.flowloop.engine.PipelineEngine;
import io.flowloop.engine.Sample;
import io.flowloop.engine.glyph.GlyphPipeline;
import io.flowloop.reward.Reward;
import io.flowloop.reward.RewardFunctions;
import io.flowloop.rollout.RewardScorer;
import io.flowloop.rollout.RolloutBatch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Figures for {@code docs/benchmarks.md}, on the embedded model and the default preset; run by
 *
 * <pre>mvn test -Dexcluded.tags= -Dtest=RolloutBenchmark -Dsurefire.failIfNoSpecifiedTests=false
 * </pre>
 *
 * <p>Speed is measured by {@code ./flowloop bench}.
 */
@Tag("benchmark")
class RolloutBenchmark {

  private static final RewardScorer NO_REWARD = (_, _) -> new Reward(0, Map.of("none", 0.0));

  private final FlowLoopConfig on = config("rollout.enableBatchedDiffusion=true");
  private final FlowLoopConfig off = config("rollout.enableBatchedDiffusion=false");
  private final List<String> prompts = prompts(on);

  @Test
  void flag_onAndOff_greatestDifference() {
    try (RolloutRunner batched = runner(on, NO_REWARD);
        RolloutRunner single = runner(off, NO_REWARD)) {
      List<Sample> a = samples(batched.run(prompts, 0, RolloutListener.NONE));
      List<Sample> b = samples(single.run(prompts, 0, RolloutListener.NONE));
      float latents = 0;
      float logProbs = 0;
      int grey = 0;
      int differing = 0;
      for (int i = 0; i < a.size(); i++) {
        latents =
            Math.max(
                latents,
                distance(
                    a.get(i).trajectory().finalLatents(), b.get(i).trajectory().finalLatents()));
        logProbs =
            Math.max(
                logProbs,
                distance(a.get(i).trajectory().logProbs(), b.get(i).trajectory().logProbs()));
        for (int p = 0; p < a.get(i).image().rgb().length; p++) {
          int difference = Math.abs((byte) (a.get(i).image().rgb()[p] - b.get(i).image().rgb()[p]));
          grey = Math.max(grey, difference);
          differing += difference == 0 ? 0 : 1;
        }
      }
      System.out.printf(
          "flag on and off, %d samples: final latents differ by at most %.2e, log-probs by %.2e,"
              + " pixels by %d grey levels (%d bytes of %d differ)%n",
          a.size(),
          latents,
          logProbs,
          grey,
          differing,
          a.size() * a.getFirst().image().rgb().length);
      assertThat(latents).isLessThan(1e-4f);
      assertThat(grey).isLessThanOrEqualTo(1);
    }
  }

  @Test
  void memory_fiftyRounds_doesNotGrow() {
    try (RewardFunctions ocr = RewardFunctions.of(Map.of("ocr", 1.0));
        RolloutRunner runner = runner(on, ocr::score)) {
      for (int round = 0; round <= 50; round++) {
        runner.run(prompts, round, RolloutListener.NONE);
        if (round % 10 == 0) {
          System.gc();
          System.out.printf(
              "round %2d: %d threads, RSS %d MiB, of it %d MiB heap%n",
              round,
              Thread.getAllStackTraces().size(),
              residentMebibytes(),
              Runtime.getRuntime().totalMemory() >> 20);
        }
      }
      assertThat(residentMebibytes()).isPositive();
    }
  }

  private static RolloutRunner runner(FlowLoopConfig config, RewardScorer scorer) {
    return RolloutRunner.start(
        new TrainerActor.Means(
            config.rollout(),
            config.sampler(),
            config.reward(),
            AgentLoops.byName(config.rollout().agentLoop()),
            _ -> engine(config),
            scorer,
            Optional.empty(),
            Optional.empty()),
        _ -> {},
        () -> {});
  }

  private static PipelineEngine engine(FlowLoopConfig config) {
    return new PipelineEngine(
        GlyphPipeline.load(config.model()), config.rollout().maxRowsPerForward());
  }

  /** With what the first figures were measured with, so that later ones compare. */
  private static FlowLoopConfig config(String flag) {
    return ConfigLoader.load(
            ConfigSources.of(
                flag,
                "rollout.engines=1",
                "model.threads=0",
                "sampler.noiseLevel=0.7",
                "sampler.sdeWindowSize=null",
                "sampler.sdeWindowRange=null"),
            FlowLoop.knownNames())
        .config();
  }

  private static List<String> prompts(FlowLoopConfig config) {
    try {
      return PromptFile.read(config.data().prompts())
          .prompts()
          .subList(0, config.data().promptsPerStep());
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static List<Sample> samples(RolloutBatch batch) {
    List<Sample> samples = new ArrayList<>();
    batch.samples().forEach(rewarded -> samples.add(rewarded.sample()));
    return samples;
  }

  private static float distance(float[] a, float[] b) {
    float greatest = 0;
    for (int i = 0; i < a.length; i++) {
      greatest = Math.max(greatest, Math.abs(a[i] - b[i]));
    }
    return greatest;
  }

  private static long residentMebibytes() {
    try {
      return Files.readAllLines(Path.of("/proc/self/status")).stream()
          .filter(line -> line.startsWith("VmRSS:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024)
          .findFirst()
          .orElse(-1);
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
