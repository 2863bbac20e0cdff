package io.flowloop.agentloop.cli;

import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.LoraConfig;
import io.flowloop.config.ResolvedConfig;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What a training run would do.
 *
 * @param config the settings
 * @param checkpoint where it would go on from
 */
record TrainPlan(FlowLoopConfig config, Optional<Path> checkpoint) {

  static TrainPlan of(FlowLoopConfig config, Optional<Path> checkpoint) {
    return new TrainPlan(config, checkpoint);
  }

  /** A few lines for people. */
  String render() {
    int rows = config.data().promptsPerStep() * config.rollout().n();
    int window = config.sampler().windowSize();
    return """
        steps       %d of %d prompts x %d images
        window      %d of %d denoising steps, %s
        update      %s, %d optimiser steps of %d samples, %d terms each
        trains      %s
        validation  every %d steps: %d prompts x %d images of %d denoising steps
        saves       every %d steps, %d kept
        begins      %s
        output      %s
        """
        .formatted(
            config.trainer().steps(),
            config.data().promptsPerStep(),
            config.rollout().n(),
            window,
            config.sampler().numInferenceSteps(),
            written("sampler.sdeWindowStrategy"),
            written("update.loss.type"),
            config.update().epochs() * rows / config.update().miniBatch(),
            config.update().miniBatch(),
            config.update().miniBatch() * window,
            trained(),
            config.trainer().validateEvery(),
            config.validation().prompts(),
            config.validation().n(),
            config.validation().numInferenceSteps(),
            config.trainer().saveEvery(),
            config.trainer().keep(),
            checkpoint.map(Path::toString).orElse("anew"),
            config.trainer().dir());
  }

  /** A setting's value as users write it. */
  private String written(String key) {
    return ResolvedConfig.of(config).setting(key).value();
  }

  private String trained() {
    LoraConfig lora = config.update().lora();
    return lora.rank() == 0
        ? "all weights"
        : "adapters of rank %d on %s".formatted(lora.rank(), String.join(", ", lora.targets()));
  }
}
