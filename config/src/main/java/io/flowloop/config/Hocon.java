package io.flowloop.config;

import com.typesafe.config.ConfigException.NotResolved;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import java.nio.file.Path;
import java.util.SortedMap;
import java.util.TreeMap;

/** What is asked of a HOCON value, also of one whose substitutions have no value yet. */
final class Hocon {

  private Hocon() {}

  /** What a number, a truth value or a text was written as. */
  static String text(ConfigValue scalar) {
    return scalar.atKey("value").getString("value");
  }

  /** The value as HOCON in one line, unquoted where that is possible. */
  static String render(ConfigValue value) {
    String text = value.render(ConfigRenderOptions.concise().setJson(false));
    return value instanceof ConfigObject ? "{" + text + "}" : text;
  }

  /** {@code my.conf:14} for a value of a file, else the name of its source. */
  static String origin(ConfigValue value) {
    return origin(value.origin());
  }

  static String origin(ConfigOrigin origin) {
    if (origin.filename() == null) {
      return origin.description().replaceFirst(": \\d+(-\\d+)?$", "");
    }
    Path file = Path.of(origin.filename()).normalize();
    String line = origin.lineNumber() < 0 ? "" : ":" + origin.lineNumber();
    return Printable.of(file.toString()) + line;
  }

  static boolean isNull(ConfigValue value) {
    return isResolved(value) && value.valueType() == ConfigValueType.NULL;
  }

  /** Whether it is known what this value is, though perhaps not what is below it. */
  static boolean isResolved(ConfigValue value) {
    try {
      return (value instanceof ConfigObject object ? object.keySet() : value.valueType()) != null;
    } catch (NotResolved e) {
      return false;
    }
  }

  /** What stands right below, by key in order; nothing where a substitution hides it. */
  static SortedMap<String, ConfigValue> members(ConfigObject object) {
    return isResolved(object) ? new TreeMap<>(object) : new TreeMap<>();
  }
}
