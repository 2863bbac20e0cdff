package io.flowloop.config;

import java.util.List;
import java.util.NavigableSet;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The rules that settings keep beyond {@link Checks} to be trained with: there must be something to
 * learn from, and a whole number of optimiser steps to learn it in.
 */
final class TrainingChecks {

  private final KnownNames names;
  private final Findings findings;

  TrainingChecks(KnownNames names, Findings findings) {
    this.names = names;
    this.findings = findings;
  }

  void check(FlowLoopConfig config) {
    if (findings.sound("model.adapter")) {
      findings.require(
          config.model().adapter().isEmpty() || config.update().lora().rank() > 0,
          "model.adapter",
          "null, as update.lora.rank is 0 and trains all weights; or the rank and targets of the"
              + " adapter there");
    }
    if (findings.sound("update.lora.rank")) {
      trainableWeights(config.model(), config.update().lora());
    }
    validationPrompts(config);
    if (findings.sound("rollout.n")) {
      String alone = "2 or more to train, as an image alone has nothing to be compared with";
      findings.require(config.rollout().n() >= 2, "rollout.n", alone);
    }
    stochasticSteps(config.sampler());
    batches(config);
    trackers(config.trainer().trackers());
  }

  /** The embedded model keeps float32 weights, whatever its layers compute with. */
  private void trainableWeights(ModelConfig model, LoraConfig lora) {
    boolean isRounded = model.name().equals(Checks.QWEN_IMAGE) && model.dtype() == Dtype.BFLOAT16;
    findings.require(
        !isRounded || lora.rank() > 0,
        "update.lora.rank",
        "1 or more, such as 64, as model.dtype is bfloat16, which rounds the steps of training away;"
            + " or model.dtype = float32, to train all weights");
  }

  private void validationPrompts(FlowLoopConfig config) {
    findings
        .promptFile("data.validationPrompts", config.data().validationPrompts())
        .ifPresent(
            file ->
                findings.require(
                    config.validation().prompts() <= file.lines().size(),
                    "validation.prompts",
                    "at most %d, the prompts of %s"
                        .formatted(file.lines().size(), file.location())));
  }

  private void stochasticSteps(SamplerConfig sampler) {
    findings.require(
        sampler.sdeType() != SdeType.ODE,
        "sampler.sdeType",
        "sde, cps or danceSde to train, as the policy learns from stochastic denoising steps");
    if (findings.sound("sampler.noiseLevel")) {
      String silent = "more than 0 to train, as no denoising step is stochastic without noise";
      findings.require(sampler.noiseLevel() > 0, "sampler.noiseLevel", silent);
    }
    if (findings.sound("sampler.numInferenceSteps")) {
      String last = "2 or more to train, as the last denoising step is never stochastic";
      findings.require(sampler.numInferenceSteps() >= 2, "sampler.numInferenceSteps", last);
    }
  }

  private void batches(FlowLoopConfig config) {
    if (findings.sound(
        "data.promptsPerStep",
        "rollout.n",
        "rollout.enableBatchedDiffusion",
        "rollout.maxRowsPerForward",
        "rollout.packGroups",
        "update.miniBatch",
        "update.microBatch")) {
      batches(config.data().promptsPerStep(), config.rollout(), config.update());
    }
  }

  private void batches(int prompts, RolloutConfig rollout, UpdateConfig update) {
    int samples = prompts * rollout.n();
    String divisor =
        "a divisor of %d, the images of a step (%d prompts x %d)"
            .formatted(samples, prompts, rollout.n());
    boolean packed = rollout.packGroups() > 1;
    int unit = update.microBatch().orElse(packed ? samples : wholeForwards(rollout));
    if (samples % unit != 0) {
      findings.fail("update.microBatch", divisor + nearest(samples, 1, unit));
      return;
    }
    String multiple =
        update.microBatch().isPresent()
            ? "update.microBatch (%d)".formatted(unit)
            : "%d, the images that forwards of a rollout draw together".formatted(unit)
                + (packed ? " (rollout.packGroups)" : "");
    findings.require(
        update.miniBatch() % unit == 0 && samples % update.miniBatch() == 0,
        "update.miniBatch",
        divisor + ", and a multiple of " + multiple + nearest(samples, unit, update.miniBatch()));
  }

  /** The rows of a forward of the rollout, or of a group whose forwards are not of one size. */
  private static int wholeForwards(RolloutConfig rollout) {
    int rows = rollout.enableBatchedDiffusion() ? rollout.maxRowsPerForward() : 1;
    return rollout.n() % rows == 0 ? rows : rollout.n();
  }

  /** The divisors of {@code samples} that are multiples of {@code unit}, next to {@code size}. */
  private static String nearest(int samples, int unit, int size) {
    int parts = samples / unit;
    NavigableSet<Integer> legal = new TreeSet<>();
    for (int part = 1; part <= parts / part; part++) {
      if (parts % part == 0) {
        legal.add(part * unit);
        legal.add(parts / part * unit);
      }
    }
    return Stream.of(legal.floor(size), legal.ceiling(size))
        .filter(Objects::nonNull)
        .map(String::valueOf)
        .collect(Collectors.joining(" or ", "; nearest: ", ""));
  }

  private void trackers(List<String> trackers) {
    for (String name : trackers) {
      if (!names.trackers().contains(name)) {
        String expected = Nearest.oneOf(name, names.trackers());
        findings.fail("trainer.trackers", Optional.of(name), expected);
      }
    }
  }
}
