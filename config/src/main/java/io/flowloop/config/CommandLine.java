package io.flowloop.config;

import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** The settings given as {@code key=value}; of one key given twice the last holds. */
final class CommandLine {

  /** Origin of every value given here. */
  static final String ORIGIN = "command line";

  private static final ConfigParseOptions OPTIONS =
      ConfigParseOptions.defaults().setOriginDescription(ORIGIN).setIncluder(Includes.NONE);

  /** A list, an object, a quoted text, a substitution or null. */
  private static final Pattern HOCON =
      Pattern.compile("[\\[{\"].*|.*\\$\\{.*|null", Pattern.DOTALL);

  /** Characters. HOCON takes minutes to make sections of thousands of names. */
  private static final int LONGEST_KEY = 200;

  private CommandLine() {}

  static ConfigObject parse(List<String> assignments, Problems problems) {
    ConfigObject settings = ConfigFactory.empty(ORIGIN).root();
    for (String assignment : assignments) {
      try {
        settings = parse(assignment).withFallback(settings);
      } catch (ConfigException.BadPath e) {
        String message = "expected: key=value, such as rollout.n=8";
        String shown = assignment.isBlank() ? "\"" + assignment + "\"" : assignment;
        problems.add(new Problem(shown, Optional.empty(), ORIGIN, message));
      }
    }
    return settings;
  }

  /** The key is what stands before the first {@code =}. */
  private static ConfigObject parse(String assignment) {
    int equals = assignment.indexOf('=');
    if (equals < 0 || equals > LONGEST_KEY) {
      throw new ConfigException.BadPath(assignment, "no key");
    }
    String key = assignment.substring(0, equals).strip();
    ConfigValue value = value(assignment.substring(equals + 1).strip());
    // A map takes no substitution, and nothing else gives the sections on the way this origin.
    return ConfigFactory.parseMap(Map.of(key, ""), ORIGIN).withValue(key, value).root();
  }

  /**
   * HOCON, save where HOCON would refuse a plain text ({@code gpu:0}) or take a part of it for a
   * comment ({@code runs/#3}).
   */
  private static ConfigValue value(String text) {
    try {
      ConfigObject parsed = ConfigFactory.parseString("value = " + text, OPTIONS).root();
      return Optional.ofNullable(parsed.get("value"))
          .filter(value -> parsed.size() == 1)
          .filter(value -> HOCON.matcher(text).matches() || Hocon.text(value).equals(text))
          .orElseGet(() -> plain(text));
    } catch (ConfigException | StackOverflowError e) {
      return plain(text);
    }
  }

  private static ConfigValue plain(String text) {
    return ConfigValueFactory.fromAnyRef(text, ORIGIN);
  }
}
