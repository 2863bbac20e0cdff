package io.flowloop.agentloop.cli;

import io.flowloop.config.Purpose;
import io.flowloop.config.ResolvedConfig;
import io.flowloop.config.Setting;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The settings of {@code bench}: some have options of their own, two belong to its cells. */
final class BenchSettings {

  /** What the settings of {@link #resolveModel} begin with. */
  static final String MODEL_PRESET = "qwen-image-ocr";

  private static final String PROMPTS = "data.promptsPerStep";
  private static final String OFFLOAD = "model.offload";

  /** Fewer than a training step has, so that all cells together take minutes. */
  private static final String DEFAULT_PROMPTS = "4";

  /**
   * An option that is another word for a setting.
   *
   * @param value as given; empty if not
   */
  private record Alias(String option, String key, Optional<String> value) {

    void addTo(List<String> assignments) {
      value.ifPresent(text -> assignments.add(key + "=" + text));
    }
  }

  @Mixin private SettingsOptions options = new SettingsOptions();

  @Option(
      names = "--prompts",
      paramLabel = "N",
      description =
          "prompts of an iteration, as data.promptsPerStep=N (default: " + DEFAULT_PROMPTS + ")")
  private Optional<String> prompts = Optional.empty();

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "denoising steps, as sampler.numInferenceSteps=N")
  private Optional<String> steps = Optional.empty();

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description = "auto, cpu or gpu:N, as model.device=DEVICE")
  private Optional<String> device = Optional.empty();

  @Option(
      names = "--dtype",
      paramLabel = "DTYPE",
      description = "float32 or bfloat16, as model.dtype=DTYPE")
  private Optional<String> dtype = Optional.empty();

  boolean printConfig() {
    return options.printConfig();
  }

  boolean dryRun() {
    return options.dryRun();
  }

  /**
   * The settings as given.
   *
   * @throws io.flowloop.config.ConfigException with all that is wrong with them
   * @throws BadInputException if one is given twice, or belongs to the cells
   */
  ResolvedConfig resolve() {
    ResolvedConfig given = options.resolve(Purpose.ROLLOUT);
    refuse(given.setting("rollout.n"), "--rows");
    refuse(given.setting("rollout.enableBatchedDiffusion"), "--mode");
    List<String> more = new ArrayList<>();
    if (given.setting(PROMPTS).isDefault()) {
      more.add(PROMPTS + "=" + DEFAULT_PROMPTS);
    }
    addAliases(given, more);
    return options.resolve(Purpose.ROLLOUT, more);
  }

  /**
   * The settings for a model that comes from nowhere, measured part by part: nothing leaves the
   * device in between.
   *
   * @throws io.flowloop.config.ConfigException with all that is wrong with them
   * @throws BadInputException if one is given twice, or belongs to the parts
   */
  ResolvedConfig resolveModel(String name) {
    List<String> more = new ArrayList<>(List.of("model.name=" + name));
    ResolvedConfig given = options.resolveModel(MODEL_PRESET, name, more);
    refuse(given.setting("rollout.n"), "--rows");
    if (!given.setting(OFFLOAD).isFromCommandLine()) {
      more.add(OFFLOAD + "=false");
    }
    addAliases(given, more);
    return options.resolveModel(MODEL_PRESET, name, more);
  }

  private void addAliases(ResolvedConfig given, List<String> more) {
    for (Alias alias : aliases()) {
      alias.value().ifPresent(_ -> refuse(given.setting(alias.key()), alias.option() + " alone"));
      alias.addTo(more);
    }
  }

  private List<Alias> aliases() {
    return List.of(
        new Alias("--prompts", PROMPTS, prompts),
        new Alias("--steps", "sampler.numInferenceSteps", steps),
        new Alias("--device", "model.device", device),
        new Alias("--dtype", "model.dtype", dtype));
  }

  private static void refuse(Setting setting, String instead) {
    if (setting.isFromCommandLine()) {
      throw new BadInputException(
          "%s=%s: no setting of a benchmark (expected: %s)"
              .formatted(setting.key(), setting.value(), instead));
    }
  }
}
