package io.flowloop.agentloop.cli;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What starts a main class as this JVM was started, with its class path, flags and environment, and
 * what a test adds to them.
 *
 * @param launcher words before the command, which must end in {@code exec}, so that signals reach
 *     the JVM itself
 * @param flags of the JVM, after those of this one
 * @param environment variables beside those of this JVM
 * @param log the file that gets the output too
 */
public record FlowLoopCommand(
    Class<?> main,
    List<String> args,
    List<String> launcher,
    List<String> flags,
    Map<String, String> environment,
    Optional<Path> log) {

  public FlowLoopCommand {
    args = List.copyOf(args);
    launcher = List.copyOf(launcher);
    flags = List.copyOf(flags);
    environment = Map.copyOf(environment);
  }

  /** A command line of flowloop, such as {@code rollout --dry-run}. */
  public static FlowLoopCommand of(String... args) {
    return ofMain(Main.class, args);
  }

  public static FlowLoopCommand ofMain(Class<?> main, String... args) {
    return new FlowLoopCommand(
        main, List.of(args), List.of(), List.of(), Map.of(), Optional.empty());
  }

  public FlowLoopCommand within(String... launcher) {
    return new FlowLoopCommand(main, args, List.of(launcher), flags, environment, log);
  }

  /** Adds flags of the JVM, such as {@code -Xmx1g}. */
  public FlowLoopCommand withFlags(String... more) {
    List<String> all = new ArrayList<>(flags);
    all.addAll(List.of(more));
    return new FlowLoopCommand(main, args, launcher, all, environment, log);
  }

  public FlowLoopCommand withVariable(String name, String value) {
    Map<String, String> all = new TreeMap<>(environment);
    all.put(name, value);
    return new FlowLoopCommand(main, args, launcher, flags, all, log);
  }

  public FlowLoopCommand withLog(Path file) {
    return new FlowLoopCommand(main, args, launcher, flags, environment, Optional.of(file));
  }

  public FlowLoopProcess start() {
    return FlowLoopProcess.start(this);
  }

  ProcessBuilder builder() {
    ProcessBuilder builder = new ProcessBuilder(words()).redirectErrorStream(true);
    builder.environment().putAll(environment);
    return builder;
  }

  private List<String> words() {
    List<String> words = new ArrayList<>(launcher);
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // Two debuggers or two profilers cannot share a port or a file.
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(flag -> !flag.startsWith("-agent") && !flag.startsWith("-javaagent"))
        .forEach(words::add);
    words.addAll(flags);
    words.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    words.addAll(args);
    return words;
  }
}
