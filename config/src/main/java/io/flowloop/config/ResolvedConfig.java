package io.flowloop.config;

import java.util.List;
import java.util.stream.Collectors;

/**
 * A configuration without problems, and where each of its settings comes from.
 *
 * @param config the settings
 * @param settings every key, in the order of the records
 */
public record ResolvedConfig(FlowLoopConfig config, List<Setting> settings) {

  public ResolvedConfig {
    settings = List.copyOf(settings);
  }

  /**
   * A table of all settings, {@code rollout.n = 16 # reference}, one a line: itself a configuration
   * file that gives the same configuration.
   */
  public String render() {
    int key = settings.stream().mapToInt(setting -> setting.key().length()).max().orElse(1);
    int value = settings.stream().mapToInt(setting -> setting.value().length()).max().orElse(1);
    String line = "%%-%ds = %%-%ds  # %%s\n".formatted(key, value);
    return settings.stream()
        .map(s -> line.formatted(s.key(), s.value(), s.origin()))
        .collect(Collectors.joining());
  }
}
