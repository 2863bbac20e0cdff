package io.flowloop.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** The rules that settings keep beyond their types; a broken one becomes a problem. */
final class Checks {

  /** Side of a patch in pixels, for each known model. */
  private static final Map<String, Integer> PATCHES = Map.of("glyph", 8);

  private final KnownNames names;
  private final Layers layers;
  private final Map<String, Setting> settings;
  private final List<Problem> problems;

  Checks(KnownNames names, Layers layers, Map<String, Setting> settings, List<Problem> problems) {
    this.names = names;
    this.layers = layers;
    this.settings = settings;
    this.problems = problems;
  }

  void check(FlowLoopConfig config) {
    check(config.data());
    check(config.model());
    check(config.rollout());
    check(config.sampler());
    check(config.reward());
    directory("output.dir", config.output().dir());
    check(config.pretrain());
  }

  private void check(DataConfig data) {
    atLeast(1, "data.promptsPerStep", data.promptsPerStep());
    try {
      PromptFile.read(data.prompts());
    } catch (IOException e) {
      fail("data.prompts", "a UTF-8 text with one prompt a line; " + e.getMessage());
    }
  }

  private void check(ModelConfig model) {
    oneOf(PATCHES.keySet(), "model.name", model.name());
    model.weights().ifPresent(path -> require(isFile(path), "model.weights", "a readable file"));
    atLeast(0, "model.threads", model.threads());
    Integer patch = PATCHES.get(model.name());
    if (patch != null && sound("model.name")) {
      String expected = "a positive multiple of %d, the patch of %s".formatted(patch, model.name());
      require(isMultiple(model.imageHeight(), patch), "model.imageHeight", expected);
      require(isMultiple(model.imageWidth(), patch), "model.imageWidth", expected);
    }
  }

  private static boolean isFile(Path path) {
    return Files.isRegularFile(path) && Files.isReadable(path);
  }

  private static boolean isMultiple(int pixels, int patch) {
    return pixels > 0 && pixels % patch == 0;
  }

  private void check(RolloutConfig rollout) {
    atLeast(1, "rollout.n", rollout.n());
    atLeast(1, "rollout.engines", rollout.engines());
    atLeast(1, "rollout.workers", rollout.workers());
    atLeast(1, "rollout.maxRowsPerForward", rollout.maxRowsPerForward());
    positive("rollout.requestTimeout", rollout.requestTimeout());
    oneOf(names.agentLoops(), "rollout.agentLoop", rollout.agentLoop());
  }

  private void check(SamplerConfig sampler) {
    atLeast(1, "sampler.numInferenceSteps", sampler.numInferenceSteps());
    atLeast(0, "sampler.noiseLevel", sampler.noiseLevel());
    sampler.sdeWindowSize().ifPresent(size -> atLeast(1, "sampler.sdeWindowSize", size));
    if (sound("sampler.numInferenceSteps")
        && sound("sampler.sdeWindowSize")
        && sound("sampler.sdeWindowRange")) {
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
      fail(
          "sampler.sdeWindowSize",
          "at most %d, as only the denoising steps %s may be stochastic"
              .formatted(stochastic.length(), stochastic));
    }
  }

  private void windowRange(Optional<IntRange> range, String expected) {
    fail("sampler.sdeWindowRange", range.map(IntRange::toString), expected);
  }

  private void check(RewardConfig reward) {
    atLeast(1, "reward.concurrency", reward.concurrency());
    positive("reward.timeout", reward.timeout());
    if (sound("reward.functions")) {
      require(
          reward.functions().values().stream().anyMatch(function -> function.weight() != 0),
          "reward.functions",
          "at least one reward function with a weight other than 0");
    }
  }

  private void check(PretrainConfig pretrain) {
    atLeast(1, "pretrain.steps", pretrain.steps());
    atLeast(1, "pretrain.batchSize", pretrain.batchSize());
    require(pretrain.learningRate() > 0, "pretrain.learningRate", "more than 0");
    atLeast(0, "pretrain.warmupSteps", pretrain.warmupSteps());
    atLeast(0, "pretrain.weightDecay", pretrain.weightDecay());
    share("pretrain.emaDecay", pretrain.emaDecay());
    share("pretrain.promptDropout", pretrain.promptDropout());
    atLeast(1, "pretrain.sampleEvery", pretrain.sampleEvery());
    atLeast(1, "pretrain.saveEvery", pretrain.saveEvery());
    directory("pretrain.dir", pretrain.dir());
  }

  private void atLeast(int least, String key, double value) {
    require(value >= least, key, least + " or more");
  }

  private void share(String key, double value) {
    require(value >= 0 && value < 1, key, "0 or more and less than 1");
  }

  private void positive(String key, Duration duration) {
    require(duration.isPositive(), key, "a duration above 0");
  }

  private void oneOf(Set<String> legal, String key, String name) {
    require(legal.contains(name), key, Nearest.oneOf(name, legal));
  }

  /** The path is a directory or can become one: nothing on its way is a file. */
  private void directory(String key, Path path) {
    Stream.iterate(path.toAbsolutePath(), Objects::nonNull, Path::getParent)
        .filter(Files::exists)
        .findFirst()
        .filter(existing -> !Files.isDirectory(existing))
        .ifPresent(file -> fail(key, "a directory, new or not; " + file + " is a file"));
  }

  private void require(boolean kept, String key, String expected) {
    if (!kept) {
      fail(key, expected);
    }
  }

  private void fail(String key, String expected) {
    fail(key, Optional.ofNullable(settings.get(key)).map(Setting::value), expected);
  }

  private void fail(String key, Optional<String> value, String expected) {
    String origin =
        Optional.ofNullable(settings.get(key))
            .map(Setting::origin)
            .orElseGet(() -> Hocon.origin(layers.written(key)));
    problems.add(new Problem(key, value, origin, "expected: " + expected));
  }

  /** Whether nothing is wrong so far with a key and those below it. */
  private boolean sound(String key) {
    return problems.stream().noneMatch(p -> (p.key() + ".").startsWith(key + "."));
  }
}
