package io.flowloop.config;

import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigSyntax;
import java.io.IOException;
import java.net.URL;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Reads the files that settings come from; one that cannot be read is a problem and empty. */
final class SourceReader {

  /** Origin of every value that nothing else gives. */
  static final String REFERENCE_ORIGIN = "reference";

  private static final String REFERENCE = "/flowloop-reference.conf";
  private static final String FILE = "config file";
  private static final String PRESET = "preset ";
  private static final String PRESET_FOLDER = "presets/";

  /** What is said of a source that the stack is too small for. */
  static final String TOO_DEEP = "too many braces, brackets or dots within each other";

  /** Of a file and all that it includes. Some of what HOCON does takes the square of it. */
  private static final int MOST_BYTES = 1 << 16;

  private interface Source {
    ConfigObject parse() throws IOException;
  }

  private final Problems problems;
  private final Set<Path> open = new HashSet<>();
  private int room = MOST_BYTES;

  SourceReader(Problems problems) {
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
    return parse(resource, REFERENCE_ORIGIN);
  }

  private Optional<ConfigObject> preset(String name) {
    Optional<URL> resource = Resources.find(PRESET_FOLDER + name + ".conf");
    if (resource.isEmpty()) {
      refuse("preset", name, Nearest.oneOf(name, ConfigSources.PRESETS));
    }
    return resource.flatMap(url -> read("preset", name, () -> parse(url, PRESET + name)));
  }

  private Optional<ConfigObject> file(Path path) {
    return read(FILE, path.toString(), () -> parse(path));
  }

  /** HOCON reads the file again, as it tells the lines of files alone. */
  private ConfigObject parse(Path path) throws IOException {
    if (!open.add(path.normalize())) {
      throw new IOException(path + " includes itself");
    }
    room -= TextFile.read(path.toString(), path, MOST_BYTES).length();
    if (room < 0) {
      throw new IOException(
          "%s makes %d bytes with what is included".formatted(path, MOST_BYTES - room));
    }
    ConfigParseOptions options =
        ConfigParseOptions.defaults()
            .setSyntax(ConfigSyntax.CONF)
            .setAllowMissing(false)
            .setIncluder(new Includes(what -> include(path, what)));
    ConfigObject parsed = ConfigFactory.parseFile(path.toFile(), options).root();
    open.remove(path.normalize());
    return parsed;
  }

  private ConfigObject include(Path from, String what) {
    try {
      return parse(from.resolveSibling(what));
    } catch (IOException | InvalidPathException e) {
      throw Includes.refusal(what, ", which cannot be read: " + e.getMessage());
    }
  }

  private void refuse(String what, String name, String expected) {
    problems.add(Problem.expected(what, name, CommandLine.ORIGIN, expected));
  }

  private static ConfigObject parse(URL url, String origin) {
    ConfigParseOptions options =
        ConfigParseOptions.defaults()
            .setOriginDescription(origin)
            .setAllowMissing(false)
            .setIncluder(new Includes(SourceReader::includePreset));
    return ConfigFactory.parseURL(url, options).root();
  }

  private static ConfigObject includePreset(String what) {
    String name = what.replaceFirst("\\.conf$", "");
    return Resources.find(PRESET_FOLDER + name + ".conf")
        .map(url -> parse(url, PRESET + name))
        .orElseThrow(() -> Includes.refusal(what, ", which is no preset"));
  }

  private Optional<ConfigObject> read(String what, String name, Source source) {
    try {
      return Optional.of(source.parse());
    } catch (IOException e) {
      refuse(what, name, "a UTF-8 text in HOCON; " + e.getMessage());
    } catch (ConfigException e) {
      problems.add(unreadable(what, Optional.of(name), e));
    } catch (StackOverflowError e) {
      problems.add(new Problem(what, Optional.of(name), name, TOO_DEEP));
    }
    return Optional.empty();
  }

  /** The problem that HOCON's own reader met, with its place where it knows one. */
  static Problem unreadable(String what, Optional<String> name, ConfigException e) {
    Optional<ConfigOrigin> origin = Optional.ofNullable(e.origin());
    String place = origin.map(Hocon::origin).or(() -> name).orElse(Problem.ANYWHERE);
    String prefix = origin.map(known -> known.description() + ": ").orElse("");
    return new Problem(what, name, place, String.valueOf(e.getMessage()).replace(prefix, ""));
  }
}
