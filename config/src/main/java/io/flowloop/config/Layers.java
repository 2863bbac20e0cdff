package io.flowloop.config;

import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Sources of settings on top of each other.
 *
 * @param highestFirst each hides what those behind it say on the same key; the last is the
 *     reference, which has a legal value for every key
 */
record Layers(List<ConfigObject> highestFirst) {

  Layers {
    highestFirst = List.copyOf(highestFirst);
  }

  ConfigObject reference() {
    return highestFirst.getLast();
  }

  /**
   * All layers seen as one, with substitutions replaced by values as far as there are any.
   *
   * @throws com.typesafe.config.ConfigException if {@link Substitutions} refuses one
   */
  ConfigObject merge() {
    return Substitutions.merge(highestFirst);
  }

  /**
   * The highest value of a key, as it was written; if there is none, what the key is missing in.
   */
  ConfigValue written(String key) {
    return written(ConfigUtil.splitPath(key));
  }

  /**
   * Where {@code value}, the merged one of this key, comes from: the layer that it stands in, or,
   * if it was substituted, the place of the substitution.
   */
  String origin(String key, ConfigValue value) {
    return Hocon.origin(
        all(ConfigUtil.splitPath(key))
            .filter(written -> written.origin().equals(value.origin()))
            .findFirst()
            .orElseGet(() -> written(key)));
  }

  private ConfigValue written(List<String> path) {
    return all(path).findFirst().orElseGet(() -> written(path.subList(0, path.size() - 1)));
  }

  private Stream<ConfigValue> all(List<String> path) {
    return highestFirst.stream().flatMap(layer -> find(layer, path).stream());
  }

  private static Optional<ConfigValue> find(ConfigValue value, List<String> path) {
    if (path.isEmpty() || !(value instanceof ConfigObject object) || !Hocon.isResolved(object)) {
      return Optional.of(value);
    }
    return Optional.ofNullable(object.get(path.getFirst()))
        .flatMap(below -> find(below, path.subList(1, path.size())));
  }
}
