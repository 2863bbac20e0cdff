package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.FlowLoop;
import io.flowloop.config.ConfigException;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.KnownNames;
import io.flowloop.config.Purpose;
import io.flowloop.config.ResolvedConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The options of a verb that has settings. */
final class SettingsOptions {

  /** Their names, for the help text. */
  private static final class Presets implements Iterable<String> {

    @Override
    public Iterator<String> iterator() {
      return ConfigSources.PRESETS.iterator();
    }
  }

  @Option(
      names = "--preset",
      paramLabel = "NAME",
      completionCandidates = Presets.class,
      description =
          "a bundled set of settings: ${COMPLETION-CANDIDATES} (default: "
              + ConfigSources.DEFAULT_PRESET
              + ")")
  private Optional<String> preset = Optional.empty();

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "a HOCON file of settings; wins over the preset")
  private Optional<Path> config = Optional.empty();

  @Option(
      names = "--print-config",
      description = "print every setting and where it comes from, and stop")
  private boolean printConfig;

  @Option(names = "--dry-run", description = "print what would be done, and stop")
  private boolean dryRun;

  @Parameters(
      paramLabel = "key=value",
      description = "settings, such as rollout.n=8; win over the file")
  private List<String> assignments = new ArrayList<>();

  /**
   * The settings as given.
   *
   * @param purpose decides which rules they have to keep
   * @throws ConfigException with all that is wrong with them
   */
  ResolvedConfig resolve(Purpose purpose) {
    return resolve(purpose, List.of());
  }

  /**
   * The settings as given, and others on top of them.
   *
   * @param more {@code key=value} each; win over all else
   * @throws ConfigException with all that is wrong with them
   */
  ResolvedConfig resolve(Purpose purpose, List<String> more) {
    return ConfigLoader.load(sources(ConfigSources.DEFAULT_PRESET, more), knownNames(), purpose);
  }

  /**
   * The settings for a model that only a benchmark knows.
   *
   * @param preset what they begin with, unless another is given
   * @param model its name
   * @param more {@code key=value} each; win over all else
   * @throws ConfigException with all that is wrong with them
   */
  ResolvedConfig resolveModel(String preset, String model, List<String> more) {
    return ConfigLoader.load(
        sources(preset, more), knownNames().withModels(Set.of(model)), Purpose.ROLLOUT);
  }

  private ConfigSources sources(String ifNoPreset, List<String> more) {
    List<String> all = Stream.concat(assignments.stream(), more.stream()).toList();
    return new ConfigSources(preset.orElse(ifNoPreset), config, all);
  }

  /** The names that plug in. */
  static KnownNames knownNames() {
    return FlowLoop.knownNames();
  }

  boolean printConfig() {
    return printConfig;
  }

  boolean dryRun() {
    return dryRun;
  }
}
