package io.flowloop.config;

import com.typesafe.config.ConfigObject;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Reads or takes a configuration, and finds all that is wrong with it before anything else is done.
 */
public final class ConfigLoader {

  private ConfigLoader() {}

  /**
   * {@link #load(ConfigSources, KnownNames, Purpose)} for a rollout.
   *
   * @throws ConfigException with all problems, if there is one
   */
  public static ResolvedConfig load(ConfigSources sources, KnownNames names) {
    return load(sources, names, Purpose.ROLLOUT);
  }

  /**
   * Merges the sources over the reference, binds them to records and checks the whole. Reads files
   * and writes none.
   *
   * @throws ConfigException with all problems, if there is one
   */
  public static ResolvedConfig load(ConfigSources sources, KnownNames names, Purpose purpose) {
    Problems problems = new Problems();
    try {
      ResolvedConfig resolved = load(sources, names, purpose, problems);
      problems.throwIfAny();
      return resolved;
    } catch (com.typesafe.config.ConfigException e) {
      problems.add(SourceReader.unreadable("substitution", Optional.empty(), e));
    } catch (StackOverflowError e) {
      // HOCON's reader and all that walks its values go down with the nesting, however deep it is.
      problems.add(
          new Problem("nesting", Optional.empty(), Problem.ANYWHERE, SourceReader.TOO_DEEP));
    }
    throw problems.exception();
  }

  /**
   * Checks a configuration that a program has put together by the rules that {@link #load} keeps.
   *
   * @throws ConfigException with all problems, if there is one
   */
  public static void check(FlowLoopConfig config, KnownNames names, Purpose purpose) {
    Problems problems = new Problems();
    Map<String, Setting> settings =
        ResolvedConfig.of(config).settings().stream()
            .collect(Collectors.toMap(Setting::key, setting -> setting));
    check(config, names, purpose, new Findings(settings, _ -> ResolvedConfig.PROGRAM, problems));
    problems.throwIfAny();
  }

  private static ResolvedConfig load(
      ConfigSources sources, KnownNames names, Purpose purpose, Problems problems) {
    List<ConfigObject> files = new SourceReader(problems).read(sources);
    boolean complete = problems.isEmpty();
    ConfigObject commandLine = CommandLine.parse(sources.assignments(), problems);

    Schema.Section schema = Schema.of(FlowLoopConfig.class, names.rewardFunctions());
    Layers layers =
        new Layers(
            Stream.concat(Stream.of(commandLine), files.stream())
                .map(source -> Spelling.normalise(source, schema, problems))
                .toList());
    Binder binder = new Binder(schema, layers, problems);
    FlowLoopConfig config = (FlowLoopConfig) binder.bind();
    if (complete) {
      // Without one of the files, too little is known to judge how values fit together.
      Findings findings =
          new Findings(binder.settings(), key -> Hocon.origin(layers.written(key)), problems);
      check(config, names, purpose, findings);
    }
    return new ResolvedConfig(config, List.copyOf(binder.settings().values()));
  }

  private static void check(
      FlowLoopConfig config, KnownNames names, Purpose purpose, Findings findings) {
    new Checks(names, findings).check(config);
    switch (purpose) {
      case ROLLOUT -> {}
      case TRAINING -> new TrainingChecks(names, findings).check(config);
      case NODE -> new ClusterChecks(findings).node(config.cluster());
    }
  }
}
