package io.flowloop.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What a configuration is read from; later ones win, and all of them win over the reference.
 *
 * @param preset name of a set of values: the classpath resource {@code presets/<name>.conf}, where
 *     an {@code include "other.conf"} finds another preset
 * @param file a HOCON file; an {@code include "other.conf"} in it must find its file, by the path
 *     from there
 * @param assignments {@code key=value} each, as typed on a command line: a value is HOCON if it is
 *     a list, an object, quoted, null or has a substitution; any other is taken as it stands
 */
public record ConfigSources(String preset, Optional<Path> file, List<String> assignments) {

  /** The preset of the embedded model. */
  public static final String DEFAULT_PRESET = "glyph";

  /** Those that come with flowloop. */
  public static final List<String> PRESETS =
      List.of(
          DEFAULT_PRESET, "glyph-lora", "glyph-smoke", "qwen-image-ocr", "qwen-image-ocr-cluster");

  public ConfigSources {
    assignments = List.copyOf(assignments);
  }

  /** The default preset with these assignments. */
  public static ConfigSources of(String... assignments) {
    return new ConfigSources(DEFAULT_PRESET, Optional.empty(), List.of(assignments));
  }
}
