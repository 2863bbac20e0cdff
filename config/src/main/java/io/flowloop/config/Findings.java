package io.flowloop.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * The problems found so far, and the simplest rules: what breaks one is added with its value and
 * its origin.
 *
 * @param settings by key
 * @param origins where a key that is no setting, such as that of a section, was written
 * @param problems grows
 */
record Findings(Map<String, Setting> settings, UnaryOperator<String> origins, Problems problems) {

  /** Timers of actors end at 248 days. */
  private static final Duration LONGEST = Duration.ofDays(100);

  void atLeast(int least, String key, double value) {
    require(value >= least, key, least + " or more");
  }

  void aboveZero(String key, double value) {
    require(value > 0, key, "more than 0");
  }

  void share(String key, double value) {
    require(value >= 0 && value < 1, key, "0 or more and less than 1");
  }

  void positive(String key, Duration duration) {
    require(
        duration.isPositive() && duration.compareTo(LONGEST) <= 0,
        key,
        "a duration above 0, of at most %d days".formatted(LONGEST.toDays()));
  }

  void oneOf(Set<String> legal, String key, String name) {
    require(legal.contains(name), key, Nearest.oneOf(name, legal));
  }

  /** The prompts at a location, where they can be read. */
  Optional<PromptFile> promptFile(String key, String location) {
    try {
      return Optional.of(PromptFile.read(location));
    } catch (IOException e) {
      fail(key, "a UTF-8 text with one prompt a line; " + e.getMessage());
      return Optional.empty();
    }
  }

  /** The path is a directory or can become one: nothing on its way is a file. */
  void directory(String key, Path path) {
    Stream.iterate(path.toAbsolutePath(), Objects::nonNull, Path::getParent)
        .filter(Files::exists)
        .findFirst()
        .filter(existing -> !Files.isDirectory(existing))
        .ifPresent(file -> fail(key, "a directory, new or not; " + file + " is a file"));
  }

  void require(boolean kept, String key, String expected) {
    if (!kept) {
      fail(key, expected);
    }
  }

  void fail(String key, String expected) {
    fail(key, Optional.ofNullable(settings.get(key)).map(Setting::value), expected);
  }

  void fail(String key, Optional<String> value, String expected) {
    String origin =
        Optional.ofNullable(settings.get(key))
            .map(Setting::origin)
            .orElseGet(() -> origins.apply(key));
    problems.add(new Problem(key, value, origin, "expected: " + expected));
  }

  /** Whether nothing is wrong so far with keys and those below them. */
  boolean sound(String... keys) {
    return Stream.of(keys)
        .noneMatch(key -> problems.stream().anyMatch(p -> (p.key() + ".").startsWith(key + ".")));
  }
}
