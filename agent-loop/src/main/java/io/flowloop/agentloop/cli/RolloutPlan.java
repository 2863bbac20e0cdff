package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.Engines;
import io.flowloop.agentloop.SdeWindows;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.ModelConfig;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sampling;
import io.flowloop.rollout.RequestPlan;
import io.flowloop.rollout.RolloutRows;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What a rollout would do.
 *
 * @param config the settings
 * @param requests what the engines would be asked
 */
record RolloutPlan(FlowLoopConfig config, RequestPlan requests) {

  /** The plan for these prompts, one group of each. */
  static RolloutPlan of(FlowLoopConfig config, List<String> prompts) {
    Sampling sampling =
        SdeWindows.sampling(config.sampler(), config.rollout().seed(), RolloutCommand.STEP);
    return new RolloutPlan(
        config,
        RolloutRows.requests(
            RolloutRows.repeatInterleaved(
                prompts, config.rollout().n(), config.rollout().seed(), RolloutCommand.STEP),
            config.rollout().enableBatchedDiffusion(),
            sampling));
  }

  /** A few lines for people. */
  String render() {
    int rows = requests.batching().rows();
    int groups = rows / config.rollout().n();
    return """
        rows        %d = %d prompts x %d, a group of %d for each prompt
        requests    %s
        forwards    %s
        window      %s
        latents     %s a row (%d numbers in float32)
        trajectory  %s a sample
        memory      %s for all samples, beside the model
        model       %s, weights %s, on %s, %d %s
        rewards     %s, %d at a time
        output      %s
        """
        .formatted(
            rows,
            groups,
            config.rollout().n(),
            config.rollout().n(),
            requests.batching(),
            forwards(),
            window(),
            Units.bytes(latentBytes()),
            latentNumbers(),
            Units.bytes(trajectoryBytes()),
            Units.bytes(rows * sampleBytes()),
            config.model().name(),
            weights(),
            config.model().device(),
            config.rollout().engines(),
            config.rollout().engines() == 1 ? "engine" : "engines",
            String.join(", ", config.reward().functions().keySet()),
            config.reward().concurrency(),
            config.output().dir());
  }

  private String weights() {
    ModelConfig model = config.model();
    return model.path().or(model::weights).map(Object::toString).orElse("embedded");
  }

  /** Denoising forwards by the number of samples in each. */
  private SortedMap<Integer, Integer> forwardsBySize() {
    int most = config.rollout().maxRowsPerForward();
    SortedMap<Integer, Integer> forwards = new TreeMap<>();
    for (RolloutRequest request : requests.requests()) {
      for (int left = request.rows(); left > 0; left -= most) {
        forwards.merge(Math.min(left, most), config.sampler().numInferenceSteps(), Integer::sum);
      }
    }
    return forwards;
  }

  private String forwards() {
    String sizes =
        forwardsBySize().entrySet().stream()
            .map(forward -> "%d of %d rows".formatted(forward.getValue(), forward.getKey()))
            .collect(Collectors.joining(", "));
    return config.sampler().guidanceScale() == 1 ? sizes : sizes + ", each doubled by guidance";
  }

  private String window() {
    Sampling sampling = sampling();
    return sampling.sdeWindow().size() == 0
        ? "none: all %d denoising steps are deterministic".formatted(sampling.numInferenceSteps())
        : "denoising steps [%d, %d) of %d are stochastic"
            .formatted(
                sampling.sdeWindow().start(),
                sampling.sdeWindow().end(),
                sampling.numInferenceSteps());
  }

  private Sampling sampling() {
    return requests.requests().getFirst().sampling();
  }

  private long latentNumbers() {
    return Engines.latentNumbers(config.model());
  }

  private long latentBytes() {
    return latentNumbers() * Float.BYTES;
  }

  /** Latents before each step of the window and after it, x_0, sigmas and log-probs. */
  private long trajectoryBytes() {
    long window = sampling().sdeWindow().size();
    long latents = (window == 0 ? 0 : window + 1) + 1;
    long numbers = sampling().numInferenceSteps() + 1 + window;
    return latents * latentBytes() + numbers * Float.BYTES;
  }

  private long sampleBytes() {
    // And red, green and blue.
    return trajectoryBytes() + 3L * config.model().imageHeight() * config.model().imageWidth();
  }
}
