package io.flowloop.config;

import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The spellings of a key: {@code sde-type} and {@code sde_type} are read as {@code sdeType}. */
final class Spelling {

  private static final Pattern SEPARATOR = Pattern.compile("[-_]([a-zA-Z0-9])");

  private final Problems problems;

  private Spelling(Problems problems) {
    this.problems = problems;
  }

  /** {@code sdeType} for {@code sde-type}, {@code sde_type} and {@code sdeType}. */
  static String camelCase(String name) {
    return SEPARATOR.matcher(name).replaceAll(part -> part.group(1).toUpperCase(Locale.ROOT));
  }

  /**
   * One source with its keys spelled as in {@code schema}; unknown ones stay as they are. A key
   * that has two spellings in the source becomes a problem.
   */
  static ConfigObject normalise(ConfigObject source, Schema.Branch schema, Problems problems) {
    return new Spelling(problems).normalise(source, schema, "");
  }

  private ConfigObject normalise(ConfigObject source, Schema.Branch schema, String at) {
    ConfigObject result = source;
    Map<String, String> seen = new HashMap<>();
    for (Map.Entry<String, ConfigValue> member : Hocon.members(source).entrySet()) {
      String written = member.getKey();
      String name = legalName(written, schema.members().keySet());
      String key = Schema.key(at, name);
      String origin = Hocon.origin(member.getValue());
      String place = written + " (" + origin + ")";
      String other = seen.put(name, place);
      if (other != null) {
        String message = "one key in two spellings: " + other + " and " + place + "; keep one";
        problems.add(new Problem(key, Optional.empty(), origin, message));
      }
      if (schema.members().containsKey(name)) {
        ConfigValue value = normalise(member.getValue(), schema.members().get(name), key);
        result = result.withoutKey(written).withValue(name, value);
      }
    }
    return result;
  }

  private ConfigValue normalise(ConfigValue value, @Nullable Schema schema, String at) {
    return value instanceof ConfigObject object && schema instanceof Schema.Branch branch
        ? normalise(object, branch, at)
        : value;
  }

  private static String legalName(String written, Set<String> legal) {
    return legal.stream()
        .filter(name -> camelCase(name).equals(camelCase(written)))
        .findFirst()
        .orElse(written);
  }
}
