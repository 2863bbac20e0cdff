package io.flowloop.config;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The rules that settings keep beyond their types, whatever they are used for. */
final class Checks {

  private static final String GLYPH = "glyph";
  static final String QWEN_IMAGE = "qwen-image";

  /** Side of a patch in pixels, for each model that comes with flowloop. */
  static final Map<String, Integer> PATCHES = Map.of(GLYPH, 8);

  /** The models there are. */
  static final Set<String> MODELS = Set.of(GLYPH, QWEN_IMAGE);

  private final KnownNames names;
  private final Findings findings;

  Checks(KnownNames names, Findings findings) {
    this.names = names;
    this.findings = findings;
  }

  void check(FlowLoopConfig config) {
    check(config.data());
    check(config.model());
    check(config.rollout());
    imagesOfStep(config.data().promptsPerStep(), config.rollout().n());
    check(config.sampler());
    new RewardChecks(findings).check(config.reward());
    findings.aboveZero("advantage.clamp", config.advantage().clamp());
    check(config.update());
    check(config.trainer());
    check(config.validation());
    findings.directory("output.dir", config.output().dir());
    check(config.http());
    new ClusterChecks(findings).check(config.cluster());
    check(config.pretrain());
  }

  private void check(DataConfig data) {
    findings.atLeast(1, "data.promptsPerStep", data.promptsPerStep());
    var _ = findings.promptFile("data.prompts", data.prompts());
  }

  private void check(ModelConfig model) {
    findings.oneOf(names.models(), "model.name", model.name());
    model
        .weights()
        .ifPresent(path -> findings.require(isFile(path), "model.weights", "a readable file"));
    check(model.name(), model.path());
    model
        .adapter()
        .ifPresent(
            path -> findings.require(Files.isReadable(path), "model.adapter", "a file or folder"));
    findings.atLeast(0, "model.threads", model.threads());
    Integer patch = PATCHES.get(model.name());
    if (patch != null && findings.sound("model.name")) {
      String expected = "a positive multiple of %d, the patch of %s".formatted(patch, model.name());
      findings.require(isMultiple(model.imageHeight(), patch), "model.imageHeight", expected);
      findings.require(isMultiple(model.imageWidth(), patch), "model.imageWidth", expected);
    }
  }

  private void check(String model, Optional<Path> path) {
    switch (model) {
      case QWEN_IMAGE ->
          findings.require(
              path.isPresent() && Files.isDirectory(path.get()),
              "model.path",
              "the folder of a Qwen-Image model, with model_index.json");
      case GLYPH ->
          findings.require(
              path.isEmpty(),
              "model.path",
              "null, as glyph comes with flowloop; model.weights has other weights for it");
      default -> {
        // A program's own model.
      }
    }
  }

  private static boolean isFile(Path path) {
    return Files.isRegularFile(path) && Files.isReadable(path);
  }

  private static boolean isMultiple(int pixels, int patch) {
    return pixels > 0 && pixels % patch == 0;
  }

  private void check(HttpConfig http) {
    findings.require(!http.host().isBlank(), "http.host", "an address of this machine");
    int port = http.port().orElse(0);
    findings.require(
        port >= 0 && port <= ClusterChecks.HIGHEST_PORT,
        "http.port",
        "0 to %d, or null".formatted(ClusterChecks.HIGHEST_PORT));
  }

  private void check(RolloutConfig rollout) {
    findings.atLeast(1, "rollout.n", rollout.n());
    findings.atLeast(1, "rollout.engines", rollout.engines());
    findings.atLeast(1, "rollout.workers", rollout.workers());
    findings.atLeast(1, "rollout.maxRowsPerForward", rollout.maxRowsPerForward());
    findings.atLeast(1, "rollout.packGroups", rollout.packGroups());
    findings.positive("rollout.requestTimeout", rollout.requestTimeout());
    findings.oneOf(names.agentLoops(), "rollout.agentLoop", rollout.agentLoop());
  }

  private void imagesOfStep(int prompts, int n) {
    if (findings.sound("data.promptsPerStep", "rollout.n")) {
      int most = Integer.MAX_VALUE / n;
      String expected = "at most %d, as a step counts its images, %d a prompt".formatted(most, n);
      findings.require(prompts <= most, "data.promptsPerStep", expected);
    }
  }

  private void check(SamplerConfig sampler) {
    findings.atLeast(1, "sampler.numInferenceSteps", sampler.numInferenceSteps());
    findings.atLeast(0, "sampler.noiseLevel", sampler.noiseLevel());
    sampler.sdeWindowSize().ifPresent(size -> findings.atLeast(1, "sampler.sdeWindowSize", size));
    findings.atLeast(1, "sampler.itersPerGroup", sampler.itersPerGroup());
    if (findings.sound(
        "sampler.numInferenceSteps", "sampler.sdeWindowSize", "sampler.sdeWindowRange")) {
      window(sampler);
    }
  }

  private void window(SamplerConfig sampler) {
    int steps = sampler.numInferenceSteps();
    IntRange stochastic = sampler.stochasticRange();
    Optional<IntRange> range = sampler.sdeWindowRange();
    if (range.isPresent() && range.get().end() > steps) {
      windowRange(
          range, "within [0, %d), as sampler.numInferenceSteps is %d".formatted(steps, steps));
    } else if (range.isPresent() && stochastic.length() == 0) {
      windowRange(
          range, "to hold a step before the last of %d, which adds no noise".formatted(steps));
    } else if (sampler.windowSize() > stochastic.length()) {
      findings.fail(
          "sampler.sdeWindowSize",
          "at most %d, as only the denoising steps %s may be stochastic"
              .formatted(stochastic.length(), stochastic));
    } else if (sampler.sdeWindowStrategy() == SdeWindowStrategy.WHOLE
        && sampler.windowSize() < stochastic.length()) {
      findings.fail(
          "sampler.sdeWindowStrategy",
          "random or progressive, as a window of %d leaves room in the denoising steps %s"
              .formatted(sampler.windowSize(), stochastic));
    }
  }

  private void windowRange(Optional<IntRange> range, String expected) {
    findings.fail("sampler.sdeWindowRange", range.map(IntRange::toString), expected);
  }

  private void check(UpdateConfig update) {
    findings.aboveZero("update.loss.clipRange", update.loss().clipRange());
    findings.aboveZero("update.loss.divergenceLimit", update.loss().divergenceLimit());
    findings.atLeast(0, "update.loss.beta", update.loss().beta());
    check(update.optimizer());
    findings.atLeast(1, "update.epochs", update.epochs());
    findings.atLeast(1, "update.miniBatch", update.miniBatch());
    update.microBatch().ifPresent(size -> findings.atLeast(1, "update.microBatch", size));
    check(update.lora());
    findings.share("update.ema.decay", update.ema().decay());
    findings.atLeast(1, "update.ema.every", update.ema().every());
  }

  private void check(OptimizerConfig optimizer) {
    findings.aboveZero("update.optimizer.learningRate", optimizer.learningRate());
    findings.atLeast(0, "update.optimizer.warmupSteps", optimizer.warmupSteps());
    findings.atLeast(0, "update.optimizer.weightDecay", optimizer.weightDecay());
    findings.aboveZero("update.optimizer.maxGradientNorm", optimizer.maxGradientNorm());
  }

  private void check(LoraConfig lora) {
    findings.atLeast(0, "update.lora.rank", lora.rank());
    findings.aboveZero("update.lora.alpha", lora.alpha());
    findings.require(
        lora.rank() <= 0 || !lora.targets().isEmpty(),
        "update.lora.targets",
        "at least one layer, as update.lora.rank is %d".formatted(lora.rank()));
  }

  private void check(TrainerConfig trainer) {
    findings.atLeast(1, "trainer.steps", trainer.steps());
    findings.atLeast(1, "trainer.validateEvery", trainer.validateEvery());
    findings.atLeast(1, "trainer.saveEvery", trainer.saveEvery());
    findings.atLeast(1, "trainer.keep", trainer.keep());
    findings.atLeast(0, "trainer.refillGroups", trainer.refillGroups());
    findings.directory("trainer.dir", trainer.dir());
  }

  private void check(ValidationConfig validation) {
    findings.atLeast(1, "validation.prompts", validation.prompts());
    findings.atLeast(1, "validation.n", validation.n());
    findings.atLeast(1, "validation.numInferenceSteps", validation.numInferenceSteps());
  }

  private void check(PretrainConfig pretrain) {
    findings.atLeast(1, "pretrain.steps", pretrain.steps());
    findings.atLeast(1, "pretrain.batchSize", pretrain.batchSize());
    findings.aboveZero("pretrain.learningRate", pretrain.learningRate());
    findings.atLeast(0, "pretrain.warmupSteps", pretrain.warmupSteps());
    findings.atLeast(0, "pretrain.weightDecay", pretrain.weightDecay());
    findings.share("pretrain.emaDecay", pretrain.emaDecay());
    findings.share("pretrain.promptDropout", pretrain.promptDropout());
    findings.atLeast(1, "pretrain.sampleEvery", pretrain.sampleEvery());
    findings.atLeast(1, "pretrain.saveEvery", pretrain.saveEvery());
    findings.directory("pretrain.dir", pretrain.dir());
  }
}
