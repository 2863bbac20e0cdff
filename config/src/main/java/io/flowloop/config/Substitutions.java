package io.flowloop.config;

import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigResolveOptions;
import com.typesafe.config.ConfigResolver;
import com.typesafe.config.ConfigValue;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What {@code ${output.dir}} stands for: another setting, never a variable of the environment.
 * Those hold secrets, and settings are printed and logged.
 *
 * @param sources all that was written, highest first
 */
record Substitutions(List<ConfigObject> sources) implements ConfigResolver {

  /** A few that double each other make text of gigabytes. */
  private static final int MOST = 16;

  private static final Pattern SUBSTITUTION = Pattern.compile("\\$\\{");

  /**
   * The sources seen as one, with values in place of substitutions as far as there are any.
   *
   * @throws ConfigException if they go round in a circle, are too many, name a variable of the
   *     environment, or stand for what does not fit where they stand
   */
  static ConfigObject merge(List<ConfigObject> sources) {
    ConfigObject merged = sources.stream().reduce(ConfigObject::withFallback).orElseThrow();
    if (SUBSTITUTION.matcher(render(merged)).results().limit(MOST + 1).count() > MOST) {
      throw new ConfigException.Generic("expected: at most %d ${...} and +=".formatted(MOST));
    }
    ConfigResolveOptions options =
        ConfigResolveOptions.noSystem()
            .setAllowUnresolved(true)
            .appendResolver(new Substitutions(sources));
    try {
      return merged.toConfig().resolve(options).root();
    } catch (ConfigException.WrongType e) {
      // Its origin is that of the first value, which may well be right.
      throw new ConfigException.Generic(e.getMessage(), e);
    }
  }

  /** Asked only for what is no setting. */
  @Override
  public @Nullable ConfigValue lookup(String path) {
    if (System.getenv(path) == null) {
      return null;
    }
    throw new ConfigException.Parse(
        origin(path),
        ("${%1$s} is a variable of the environment, which settings do not read;"
                + " expected: a setting, or key=\"$%1$s\" on the command line")
            .formatted(path));
  }

  @Override
  public ConfigResolver withFallback(ConfigResolver fallback) {
    return this;
  }

  private ConfigOrigin origin(String path) {
    return sources.stream()
        .flatMap(Substitutions::leaves)
        .filter(
            leaf ->
                render(leaf).replace("${?", "${").replace("[]}", "}").contains("${" + path + "}"))
        .findFirst()
        .orElse(sources.getFirst())
        .origin();
  }

  private static Stream<ConfigValue> leaves(ConfigValue value) {
    return value instanceof ConfigObject object && Hocon.isResolved(object)
        ? object.values().stream().flatMap(Substitutions::leaves)
        : Stream.of(value);
  }

  private static String render(ConfigValue value) {
    return value.render(ConfigRenderOptions.concise());
  }
}
