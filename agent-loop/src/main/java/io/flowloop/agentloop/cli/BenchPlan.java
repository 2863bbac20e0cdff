package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.bench.BenchSpec;
import io.flowloop.config.FlowLoopConfig;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What a benchmark would do.
 *
 * @param spec what it measures
 */
record BenchPlan(BenchSpec spec) {

  /** A few lines for people. */
  String render() {
    FlowLoopConfig config = spec.config();
    return """
        rows        %s, each of %d prompts
        cells       %d: %s, each %s
        iterations  %d of each cell to warm up, %d that count
        images      %d in all, of %d denoising steps
        engines     %d, for all cells the same, of %s on %s
        """
        .formatted(
            words(spec.rows()),
            spec.prompts().size(),
            spec.rows().size() * spec.ways().size() * spec.modes().size(),
            words(spec.ways()),
            spec.modes().stream().map(Object::toString).collect(Collectors.joining(" and ")),
            spec.warmUp(),
            spec.iterations(),
            spec.images(),
            config.sampler().numInferenceSteps(),
            config.rollout().engines(),
            config.model().name(),
            config.model().device());
  }

  private static String words(List<?> some) {
    return some.stream().map(Object::toString).collect(Collectors.joining(", "));
  }
}
