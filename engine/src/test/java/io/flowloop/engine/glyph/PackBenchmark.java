package io.flowloop.engine.glyph;

import io.flowloop.config.Device;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.PipelineEngine;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.StepListener;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Small groups of the embedded model in forwards of their own and in shared ones, for {@code
 * docs/benchmarks.md}; run by
 *
 * <pre>
 * mvn test -Dexcluded.tags= -Dtest=PackBenchmark -Dsurefire.failIfNoSpecifiedTests=false -Dflowloop.threads=1
 * </pre>
 *
 * <p>The two ways take turns in one process, on 64 images each.
 */
@Tag("benchmark")
class PackBenchmark {

  private static final int ROUNDS = 9;
  private static final int IMAGES = 64;
  private static final int ROWS_PER_FORWARD = 16;
  private static final int[] GROUPS = {1, 2, 4, 8};

  @Test
  void smallGroups_aloneAndPacked() {
    int threads = Integer.getInteger("flowloop.threads", 1);
    GlyphPipeline pipeline =
        new GlyphPipeline(
            LoadedDevice.open(new Device.Cpu(), threads), GlyphWeights.embedded(), 32, 96);
    try (PipelineEngine engine = new PipelineEngine(pipeline, ROWS_PER_FORWARD)) {
      System.out.printf("%5s %14s %14s %7s%n", "n", "alone img/s", "packed img/s", "ratio");
      for (int n : GROUPS) {
        measure(engine, n);
      }
    }
  }

  private static void measure(PipelineEngine engine, int n) {
    List<RolloutRequest> requests =
        IntStream.range(0, IMAGES / n).mapToObj(group -> request(group, n)).toList();
    int together = ROWS_PER_FORWARD / n;
    List<Double> alone = new ArrayList<>();
    List<Double> packed = new ArrayList<>();
    for (int round = -2; round < ROUNDS; round++) {
      double one = imagesPerSecond(engine, requests, 1);
      double many = imagesPerSecond(engine, requests, together);
      if (round >= 0) {
        alone.add(one);
        packed.add(many);
      }
    }
    System.out.printf(
        "%5d %14.1f %14.1f %7.2f%n",
        n, median(alone), median(packed), median(packed) / median(alone));
  }

  private static RolloutRequest request(int group, int n) {
    return RolloutRequest.of(
        "a sign that says \"%d\"".formatted(1000 + group),
        Sampling.ode(10),
        LongStream.range((long) group * n, (long) (group + 1) * n).toArray());
  }

  private static double imagesPerSecond(
      PipelineEngine engine, List<RolloutRequest> requests, int together) {
    long start = System.nanoTime();
    for (int from = 0; from < requests.size(); from += together) {
      var _ = engine.generate(requests.subList(from, from + together), StepListener.NONE);
    }
    return IMAGES / ((System.nanoTime() - start) / 1e9);
  }

  private static double median(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }
}
