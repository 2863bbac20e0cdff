package io.flowloop.config;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigRenderOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * A configuration without problems, and where each of its settings comes from.
 *
 * @param config the settings
 * @param settings every key, in the order of the records
 */
public record ResolvedConfig(FlowLoopConfig config, List<Setting> settings) {

  /** Origin of what was not read from anywhere. */
  static final String PROGRAM = "the program";

  private static final int WIDEST = 60;

  public ResolvedConfig {
    settings = List.copyOf(settings);
  }

  /** The settings of a configuration that a program has put together. */
  public static ResolvedConfig of(FlowLoopConfig config) {
    List<Setting> settings = new ArrayList<>();
    collect(
        Schema.of(FlowLoopConfig.class, config.reward().functions().keySet()),
        "",
        config,
        settings);
    return new ResolvedConfig(config, settings);
  }

  private static void collect(Schema schema, String key, Object value, List<Setting> settings) {
    switch (schema) {
      case Schema.Leaf(Codec<?> codec) ->
          settings.add(new Setting(key, codec.written(value), PROGRAM));
      case Schema.Section section ->
          section
              .values(value)
              .forEach(
                  (name, below) ->
                      collect(member(section, name), Schema.key(key, name), below, settings));
      case Schema.Entries entries ->
          ((Map<?, ?>) value)
              .forEach(
                  (name, below) ->
                      collect(
                          member(entries, name),
                          Schema.key(key, name.toString()),
                          below,
                          settings));
    }
  }

  private static Schema member(Schema.Branch branch, Object name) {
    return Objects.requireNonNull(branch.members().get(name.toString()));
  }

  /**
   * One of the settings.
   *
   * @throws IllegalArgumentException if there is no such key
   */
  public Setting setting(String key) {
    return settings.stream()
        .filter(setting -> setting.key().equals(key))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no such key: " + key));
  }

  /** All settings as one JSON object of objects. */
  public String renderJson() {
    return ConfigFactory.parseString(render()).root().render(ConfigRenderOptions.concise());
  }

  /**
   * A table of all settings, {@code rollout.n = 16 # reference}, one a line: itself a configuration
   * file that gives the same configuration.
   */
  public String render() {
    int key = width(Setting::key);
    int value = width(Setting::value);
    String line = "%%-%ds = %%-%ds  # %%s\n".formatted(key, value);
    return settings.stream()
        .map(s -> line.formatted(s.key(), s.value(), s.origin()))
        .collect(Collectors.joining());
  }

  /** The longest, as far as a table can be read; a value that is longer moves its origin alone. */
  private int width(Function<Setting, String> column) {
    return settings.stream()
        .mapToInt(setting -> column.apply(setting).length())
        .filter(length -> length <= WIDEST)
        .max()
        .orElse(1);
  }
}
