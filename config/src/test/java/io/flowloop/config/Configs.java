package io.flowloop.config;

import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Short ways to load a configuration in a test. */
final class Configs {

  static final KnownNames NAMES =
      new KnownNames(
          Set.of("ocr", "jpegCompressibility", "jpegIncompressibility", "my_reward", "vlmOcr"),
          Set.of("diffusionSingleTurn"),
          Set.of("metrics", "tensorboard", "report"));

  private Configs() {}

  static ResolvedConfig resolve(String... assignments) {
    return ConfigLoader.load(ConfigSources.of(assignments), NAMES);
  }

  static FlowLoopConfig load(String... assignments) {
    return resolve(assignments).config();
  }

  static ResolvedConfig resolve(Path file, String... assignments) {
    return ConfigLoader.load(withFile(file, assignments), NAMES);
  }

  static ConfigException failure(String... assignments) {
    return failure(ConfigSources.of(assignments));
  }

  static ConfigException failure(Path file, String... assignments) {
    return failure(withFile(file, assignments));
  }

  static ConfigException failure(ConfigSources sources) {
    return failure(sources, Purpose.ROLLOUT);
  }

  static ConfigException failure(ConfigSources sources, Purpose purpose) {
    return catchThrowableOfType(
        ConfigException.class, () -> ConfigLoader.load(sources, NAMES, purpose));
  }

  static ResolvedConfig training(String... assignments) {
    return ConfigLoader.load(ConfigSources.of(assignments), NAMES, Purpose.TRAINING);
  }

  static ConfigException trainingFailure(String... assignments) {
    return failure(ConfigSources.of(assignments), Purpose.TRAINING);
  }

  /** Every legal key; of reward functions those of ocr and vlmOcr. */
  static List<String> keys() {
    return keys("ocr", "vlmOcr");
  }

  /** Every legal key; of reward functions those of these. */
  static List<String> keys(String... functions) {
    return Schema.keys(Schema.of(FlowLoopConfig.class, Set.of(functions)), "").toList();
  }

  private static ConfigSources withFile(Path file, String... assignments) {
    return new ConfigSources(ConfigSources.DEFAULT_PRESET, Optional.of(file), List.of(assignments));
  }
}
