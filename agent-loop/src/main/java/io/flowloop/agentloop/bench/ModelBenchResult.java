package io.flowloop.agentloop.bench;

import java.util.List;
import java.util.Map;

/**
 * What came of a {@link ModelBenchmark}.
 *
 * @param tensors of the transformer on the device
 * @param kernels what computes a forward, by part of it
 * @param loadSeconds of the model, by what it was loaded for
 * @param parts in the order in which they were measured
 * @param stopped whether it was told to stop before the end
 */
public record ModelBenchResult(
    ModelBenchSpec spec,
    int tensors,
    Map<String, String> kernels,
    Map<String, Double> loadSeconds,
    List<PartResult> parts,
    boolean stopped) {

  public ModelBenchResult {
    parts = List.copyOf(parts);
  }

  /** The results of a part. */
  public List<PartResult> of(ModelPart part) {
    return parts.stream().filter(result -> result.part() == part).toList();
  }
}
