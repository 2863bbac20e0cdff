package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.AgentLoops;
import io.flowloop.agentloop.Trackers;
import io.flowloop.config.ConfigException;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.KnownNames;
import io.flowloop.config.ResolvedConfig;
import io.flowloop.reward.RewardFunctions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The options of a verb that has settings. */
final class SettingsOptions {

  @Option(
      names = "--preset",
      paramLabel = "NAME",
      description = "a bundled set of settings (default: ${DEFAULT-VALUE})")
  private String preset = ConfigSources.DEFAULT_PRESET;

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
   * @throws ConfigException with all that is wrong with them
   */
  ResolvedConfig resolve() {
    return ConfigLoader.load(new ConfigSources(preset, config, assignments), knownNames());
  }

  /** The names that plug in. */
  static KnownNames knownNames() {
    return new KnownNames(RewardFunctions.names(), AgentLoops.names(), Trackers.names());
  }

  boolean printConfig() {
    return printConfig;
  }

  boolean dryRun() {
    return dryRun;
  }
}
