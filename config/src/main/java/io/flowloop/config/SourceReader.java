package io.flowloop.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigIncludeContext;
import com.typesafe.config.ConfigIncluder;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigParseOptions;
import java.io.File;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Reads the files that settings come from; one that cannot be read is a problem and empty. */
final class SourceReader {

  /** Origin of every value that nothing else gives. */
  static final String REFERENCE_ORIGIN = "reference";

  private static final String REFERENCE = "/flowloop-reference.conf";
  private static final String FILE = "config file";
  private static final String PRESET = "preset ";
  private static final String PRESET_FOLDER = "presets/";
  private static final Set<String> PRESETS =
      Set.of(ConfigSources.DEFAULT_PRESET, "glyph-lora", "glyph-smoke");

  private final List<Problem> problems;

  SourceReader(List<Problem> problems) {
    this.problems = problems;
  }

  /** The file, if one is given, then the preset, then the reference. */
  List<ConfigObject> read(ConfigSources sources) {
    return Stream.of(
            sources.file().flatMap(this::file), preset(sources.preset()), Optional.of(reference()))
        .flatMap(Optional::stream)
        .toList();
  }

  /** The bundled file that gives every key its default and its meaning. */
  static ConfigObject reference() {
    URL resource = Objects.requireNonNull(SourceReader.class.getResource(REFERENCE), REFERENCE);
    return parse(resource, REFERENCE_ORIGIN).root();
  }

  private Optional<ConfigObject> preset(String name) {
    Optional<URL> resource = Resources.find(PRESET_FOLDER + name + ".conf");
    if (resource.isEmpty()) {
      refuse("preset", name, Nearest.oneOf(name, PRESETS));
    }
    return resource.flatMap(url -> read("preset", name, () -> parse(url, PRESET + name)));
  }

  private Optional<ConfigObject> file(Path path) {
    if (Files.isDirectory(path) || !Files.isReadable(path)) {
      refuse(FILE, path.toString(), "a readable file");
      return Optional.empty();
    }
    ConfigParseOptions options =
        ConfigParseOptions.defaults().appendIncluder(new StrictIncluder(Optional.empty()));
    // HOCON finds includes beside a file only where its name has a directory.
    File file = Path.of(".").resolve(path).toFile();
    return read(FILE, path.toString(), () -> ConfigFactory.parseFile(file, options));
  }

  private void refuse(String what, String name, String expected) {
    problems.add(Problem.expected(what, name, CommandLine.ORIGIN, expected));
  }

  private static Config parse(URL url, String origin) {
    ConfigParseOptions options =
        ConfigParseOptions.defaults()
            .setOriginDescription(origin)
            .setAllowMissing(false)
            .appendIncluder(new PresetIncluder());
    return ConfigFactory.parseURL(url, options);
  }

  private Optional<ConfigObject> read(String what, String name, Supplier<Config> source) {
    try {
      return Optional.of(source.get().root());
    } catch (ConfigException e) {
      problems.add(unreadable(what, Optional.of(name), e));
      return Optional.empty();
    }
  }

  /** The problem that HOCON's own reader met, with its place where it knows one. */
  static Problem unreadable(String what, Optional<String> name, ConfigException e) {
    Optional<ConfigOrigin> origin = Optional.ofNullable(e.origin());
    String place = origin.map(Hocon::origin).or(() -> name).orElse(what);
    String prefix = origin.map(known -> known.description() + ": ").orElse("");
    return new Problem(what, name, place, String.valueOf(e.getMessage()).replace(prefix, ""));
  }

  /** Refuses what HOCON passes over in silence: an include of a file that is not there. */
  private record StrictIncluder(Optional<ConfigIncluder> next) implements ConfigIncluder {

    @Override
    public ConfigIncluder withFallback(ConfigIncluder fallback) {
      return new StrictIncluder(Optional.of(fallback));
    }

    @Override
    public ConfigObject include(ConfigIncludeContext context, String what) {
      ConfigParseOptions strict = context.parseOptions().setAllowMissing(false);
      try {
        return next.orElseThrow().include(context.setParseOptions(strict), what);
      } catch (ConfigException.IO e) {
        throw new ConfigException.Generic("includes " + what + ", which cannot be read", e);
      }
    }
  }

  /** Looks for what a preset includes among the presets; HOCON would not, in a jar. */
  private static final class PresetIncluder implements ConfigIncluder {

    @Override
    public ConfigIncluder withFallback(ConfigIncluder fallback) {
      return this;
    }

    @Override
    public ConfigObject include(ConfigIncludeContext context, String what) {
      String name = what.replaceFirst("\\.conf$", "");
      return Resources.find(PRESET_FOLDER + name + ".conf")
          .map(url -> parse(url, PRESET + name).root())
          .orElseThrow(
              () -> new ConfigException.Generic("includes " + what + ", which is no preset"));
    }
  }
}
