package io.flowloop.agentloop;

import io.flowloop.config.Nearest;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The agent loops on the classpath. */
public final class AgentLoops {

  private AgentLoops() {}

  /** Legal values of {@code rollout.agentLoop}, sorted. */
  public static Set<String> names() {
    return all().map(AgentLoop::name).collect(Collectors.toCollection(TreeSet::new));
  }

  /**
   * The agent loop of this name.
   *
   * @throws IllegalArgumentException if there is none, with the nearest name
   */
  public static AgentLoop byName(String name) {
    return all()
        .filter(loop -> loop.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException(unknown(name)));
  }

  private static String unknown(String name) {
    String expected = "rollout.agentLoop: %s (expected: one of %s".formatted(name, names());
    return Nearest.to(name, names())
        .map(nearest -> expected + "; did you mean " + nearest + "?)")
        .orElse(expected + ")");
  }

  private static Stream<AgentLoop> all() {
    return ServiceLoader.load(AgentLoop.class).stream().map(ServiceLoader.Provider::get);
  }
}
