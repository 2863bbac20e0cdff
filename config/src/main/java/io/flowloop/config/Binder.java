package io.flowloop.config;

import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Turns HOCON into records. A value that cannot be read becomes a problem and the reference's value
 * takes its place, so that one pass meets all problems.
 */
final class Binder {

  private static final ConfigValue NULL = ConfigValueFactory.fromAnyRef(null);

  private static final ConfigObject EMPTY = ConfigValueFactory.fromMap(Map.of());

  /** The key that every reward function has. */
  private static final String WEIGHT = "weight";

  private final Schema.Section schema;
  private final Layers layers;
  private final Problems problems;
  private final Map<String, Setting> settings = new LinkedHashMap<>();

  Binder(Schema.Section schema, Layers layers, Problems problems) {
    this.schema = schema;
    this.layers = layers;
    this.problems = problems;
  }

  /** The record that the schema describes. */
  Object bind() {
    return bind(schema, "", layers.merge(), layers.reference());
  }

  /** Every key that was read, in the order of the records. */
  Map<String, Setting> settings() {
    return settings;
  }

  private Object bind(Schema schema, String key, ConfigValue value, ConfigValue reference) {
    return switch (schema) {
      case Schema.Leaf(Codec<?> codec) -> leaf(codec, key, value, reference);
      case Schema.Section section ->
          section(section, key, object(key, value, reference), (ConfigObject) reference);
      case Schema.Entries entries ->
          entries(entries, key, object(key, value, reference), (ConfigObject) reference);
    };
  }

  private <T> T leaf(Codec<T> codec, String key, ConfigValue value, ConfigValue reference) {
    try {
      T read = codec.read().apply(value);
      settings.put(key, new Setting(key, codec.write().apply(read), layers.origin(key, value)));
      return read;
    } catch (IllegalArgumentException | ConfigException e) {
      mistyped(key, value, codec.expected());
      return codec.read().apply(reference);
    }
  }

  private ConfigObject object(String key, ConfigValue value, ConfigValue reference) {
    if (value instanceof ConfigObject object && Hocon.isResolved(object)) {
      return object;
    }
    mistyped(key, value, "keys in braces");
    return (ConfigObject) reference;
  }

  private Object section(
      Schema.Section section, String at, ConfigObject object, ConfigObject reference) {
    Hocon.members(object)
        .forEach(
            (name, value) -> {
              if (!section.members().containsKey(name)) {
                reportUnknown(Schema.key(at, name), value);
              }
            });
    List<Object> components = new ArrayList<>();
    for (Map.Entry<String, Schema> member : section.members().entrySet()) {
      String name = member.getKey();
      ConfigValue value = object.getOrDefault(name, NULL);
      ConfigValue usual = reference.getOrDefault(name, NULL);
      components.add(bind(member.getValue(), Schema.key(at, name), value, usual));
    }
    return section.create(components);
  }

  private Map<String, Object> entries(
      Schema.Entries entries, String at, ConfigObject object, ConfigObject reference) {
    Map<String, Object> bound = new TreeMap<>();
    for (Map.Entry<String, ConfigValue> member : Hocon.members(object).entrySet()) {
      String name = member.getKey();
      String key = Schema.key(at, name);
      Schema entry = entries.members().get(name);
      if (isDescription(member.getValue(), reference.getOrDefault(name, NULL))) {
        continue;
      }
      if (entry == null) {
        reportUnknownName(key, member.getValue(), name, entries.members().keySet());
      } else if (Hocon.isNull(member.getValue())) {
        settings.put(key, new Setting(key, "null", Hocon.origin(member.getValue())));
      } else {
        bound.put(name, bind(entry, key, member.getValue(), usual(name, reference)));
      }
    }
    return bound;
  }

  /** Whether an entry is what the reference tells of a function that it does not use, no more. */
  private static boolean isDescription(ConfigValue entry, ConfigValue reference) {
    return entry.equals(reference)
        && reference instanceof ConfigObject told
        && Hocon.isNull(told.getOrDefault(WEIGHT, NULL));
  }

  /** Legal values for an entry; the reference leaves the weight of what it does not use open. */
  private static ConfigObject usual(String name, ConfigObject reference) {
    ConfigValue weight =
        reference.values().stream()
            .map(entry -> ((ConfigObject) entry).getOrDefault(WEIGHT, NULL))
            .filter(value -> !Hocon.isNull(value))
            .findFirst()
            .orElseThrow();
    return ((ConfigObject) reference.getOrDefault(name, EMPTY)).withValue(WEIGHT, weight);
  }

  private void reportUnknownName(String key, ConfigValue value, String name, Set<String> legal) {
    String message = "expected: " + Nearest.oneOf(name, legal);
    problems.add(new Problem(key, Optional.empty(), Hocon.origin(value), message));
  }

  private void reportUnknown(String key, ConfigValue value) {
    if (value instanceof ConfigObject object && !Hocon.members(object).isEmpty()) {
      Hocon.members(object).forEach((name, below) -> reportUnknown(Schema.key(key, name), below));
      return;
    }
    String hint = nearestKey(key).map("; did you mean %s?"::formatted).orElse("");
    problems.add(new Problem(key, Optional.empty(), Hocon.origin(value), "unknown key" + hint));
  }

  /** A key of the same last name in another section, else the one that is spelled most alike. */
  private Optional<String> nearestKey(String written) {
    String key = Spelling.camelCase(written);
    List<String> legal = Schema.keys(schema, "").toList();
    List<String> sameName =
        legal.stream().filter(known -> lastName(known).equals(lastName(key))).toList();
    return Nearest.closest(key, sameName).or(() -> Nearest.to(key, legal));
  }

  private static String lastName(String key) {
    return key.substring(key.lastIndexOf('.') + 1);
  }

  private void mistyped(String key, ConfigValue value, String expected) {
    String unresolved = Hocon.isResolved(value) ? "" : "; the substitution has no value";
    String written = Hocon.render(unresolved.isEmpty() ? value : layers.written(key));
    problems.add(Problem.expected(key, written, layers.origin(key, value), expected + unresolved));
  }
}
