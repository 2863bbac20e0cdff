package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.KnownNames;
import io.flowloop.config.PromptFile;
import io.flowloop.engine.PipelineEngine;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.glyph.GlyphPipeline;
import io.flowloop.reward.Reward;
import io.flowloop.reward.RewardFunctions;
import io.flowloop.rollout.RewardScorer;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Figures for {@code docs/benchmarks.md}, on the embedded model and the default preset; run by
 *
 * <pre>mvn test -Dexcluded.tags= -Dgroups=benchmark -Dsurefire.failIfNoSpecifiedTests=false</pre>
 *
 * <p>Ways are taken in turns within one run (A B C A B C …), since machines are noisy.
 */
@Tag("benchmark")
class RolloutBenchmark {

  private static final int WARM_UP = 2;
  private static final int ROUNDS = 5;
  private static final double NANOS_PER_SECOND = 1e9;
  private static final RewardScorer NO_REWARD = (_, _) -> new Reward(0, Map.of("none", 0.0));

  private record Way(String name, DoubleSupplier imagesPerSecond) {}

  private final FlowLoopConfig on = config("rollout.enableBatchedDiffusion=true");
  private final FlowLoopConfig off = config("rollout.enableBatchedDiffusion=false");
  private final List<String> prompts = prompts(on);

  @Test
  void speed_batchedSingleAndActors_sideBySide() {
    try (PipelineEngine engine = engine(on);
        RolloutRunner actors = runner(on, NO_REWARD);
        RewardFunctions ocr = RewardFunctions.of(Map.of("ocr", 1.0));
        RolloutRunner rewarded = runner(on, ocr::score);
        RolloutRunner rewardedSingle = runner(off, ocr::score)) {
      List<Way> ways =
          List.of(
              new Way("engine, 16 rows a request", () -> loop(engine, on)),
              new Way("engine, single requests", () -> loop(engine, off)),
              new Way("actors, 16 rows a request", () -> rollout(actors)),
              new Way("actors + OCR, 16 rows a request", () -> rollout(rewarded)),
              new Way("actors + OCR, single requests", () -> rollout(rewardedSingle)));
      double[][] measured = measure(ways);
      for (int way = 0; way < ways.size(); way++) {
        System.out.printf(
            "%-34s median %6.1f images/s  (%.1f to %.1f)  ratio to the first %.3f%n",
            ways.get(way).name(),
            median(measured[way]),
            Arrays.stream(measured[way]).min().orElseThrow(),
            Arrays.stream(measured[way]).max().orElseThrow(),
            median(ratios(measured[way], measured[0])));
      }
      assertThat(measured[0]).doesNotContain(0.0);
    }
  }

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
              "round %2d: %d threads, RSS %d MiB%n",
              round, Thread.getAllStackTraces().size(), residentMebibytes());
        }
      }
      assertThat(residentMebibytes()).isPositive();
    }
  }

  private double[][] measure(List<Way> ways) {
    double[][] measured = new double[ways.size()][ROUNDS];
    for (int round = -WARM_UP; round < ROUNDS; round++) {
      for (int way = 0; way < ways.size(); way++) {
        double imagesPerSecond = ways.get(way).imagesPerSecond().getAsDouble();
        if (round >= 0) {
          measured[way][round] = imagesPerSecond;
        }
      }
    }
    return measured;
  }

  /** Calls the engine directly with the requests that the actors would send. */
  private double loop(PipelineEngine engine, FlowLoopConfig config) {
    List<RolloutRow> rows =
        RolloutRows.repeatInterleaved(prompts, config.rollout().n(), config.rollout().seed(), 0);
    List<RolloutRequest> requests =
        RolloutRows.requests(
                rows,
                config.rollout().enableBatchedDiffusion(),
                SdeWindows.sampling(config.sampler(), 0))
            .requests();
    long start = System.nanoTime();
    requests.forEach(engine::generate);
    return rows.size() * NANOS_PER_SECOND / (System.nanoTime() - start);
  }

  private double rollout(RolloutRunner runner) {
    long start = System.nanoTime();
    int images = runner.run(prompts, 0, RolloutListener.NONE).samples().size();
    return images * NANOS_PER_SECOND / (System.nanoTime() - start);
  }

  private static RolloutRunner runner(FlowLoopConfig config, RewardScorer scorer) {
    return RolloutRunner.start(
        new TrainerActor.Means(
            config.rollout(),
            config.sampler(),
            config.reward(),
            AgentLoops.byName(config.rollout().agentLoop()),
            _ -> engine(config),
            scorer),
        _ -> {},
        () -> {});
  }

  private static PipelineEngine engine(FlowLoopConfig config) {
    return new PipelineEngine(
        GlyphPipeline.load(config.model()), config.rollout().maxRowsPerForward());
  }

  private static FlowLoopConfig config(String... settings) {
    return ConfigLoader.load(
            ConfigSources.of(settings), new KnownNames(RewardFunctions.names(), AgentLoops.names()))
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

  private static double[] ratios(double[] a, double[] b) {
    double[] ratios = new double[a.length];
    Arrays.setAll(ratios, i -> a[i] / b[i]);
    return ratios;
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
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
