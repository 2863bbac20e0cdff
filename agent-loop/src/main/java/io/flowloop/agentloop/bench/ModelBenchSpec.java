package io.flowloop.agentloop.bench;

import io.flowloop.config.FlowLoopConfig;
import io.flowloop.engine.qwenimage.QwenImageGeometry;
import java.util.List;
import java.util.Set;
import java.util.stream.DoubleStream;

/**
 * What a {@link ModelBenchmark} measures.
 *
 * @param config device, dtype, size of images, sampler and update
 * @param geometry of the model, whose weights are random
 * @param textTokens of each prompt, 1 or more
 * @param rows samples of a forward, one number for each line of a table, 1 or more each
 * @param parts what is measured
 * @param warmUp iterations of each part before those that count, 0 or more
 * @param iterations of each part, 0 or more
 */
public record ModelBenchSpec(
    FlowLoopConfig config,
    QwenImageGeometry geometry,
    int textTokens,
    List<Integer> rows,
    Set<ModelPart> parts,
    int warmUp,
    int iterations) {

  /**
   * @throws IllegalArgumentException if there is nothing to measure or a number is out of range
   */
  public ModelBenchSpec {
    rows = List.copyOf(rows);
    parts = Set.copyOf(parts);
    if (rows.isEmpty() || parts.isEmpty() || rows.stream().anyMatch(n -> n < 1)) {
      throw new IllegalArgumentException(
          "rows %s, parts %s (expected: at least one of each, rows of 1 or more)"
              .formatted(rows, parts));
    }
    if (textTokens < 1 || warmUp < 0 || iterations < 0) {
      throw new IllegalArgumentException(
          "text tokens %d, warm-up %d, iterations %d (expected: 1 or more, the others 0 or more)"
              .formatted(textTokens, warmUp, iterations));
    }
  }

  /** Scales of the denoising loops: without guidance, and as configured. */
  public List<Double> guidances() {
    return DoubleStream.of(1, config.sampler().guidanceScale()).distinct().boxed().toList();
  }

  int mostRows() {
    return rows.stream().mapToInt(Integer::intValue).max().orElseThrow();
  }
}
