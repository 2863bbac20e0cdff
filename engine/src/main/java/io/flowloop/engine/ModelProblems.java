package io.flowloop.engine;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What is wrong with a model folder: all of it is found before any of it is told. */
public final class ModelProblems {

  /** Names that one problem shows; of the others it tells the number. */
  private static final int SHOWN = 8;

  /** Problems that a message lists; of a config.json of another model there are thousands. */
  private static final int LISTED = 500;

  private final List<String> found = new ArrayList<>();

  /**
   * Adds one.
   *
   * @param problem where it is, the value, what was expected
   */
  public void add(String problem) {
    found.add(problem);
  }

  /** What was found so far, in that order. */
  public List<String> found() {
    return List.copyOf(found);
  }

  /**
   * Goes on only if nothing was found.
   *
   * @throws EngineException with every problem, a line each; of more than 500 with the first and
   *     the number of the others
   */
  public void throwIfAny(Path folder) {
    if (!found.isEmpty()) {
      int listed = Math.min(found.size(), LISTED);
      throw new EngineException(
          "%d %s in %s\n  %s%s"
              .formatted(
                  found.size(),
                  found.size() == 1 ? "problem" : "problems",
                  folder,
                  String.join("\n  ", found.subList(0, listed)),
                  listed < found.size() ? "\n  and %d more".formatted(found.size() - listed) : ""));
    }
  }

  /** Names in one line: all of them, or the first ones and how many more there are. */
  static String several(List<String> names) {
    String shown = String.join(", ", names.subList(0, Math.min(names.size(), SHOWN)));
    return names.size() > SHOWN ? "%s and %d more".formatted(shown, names.size() - SHOWN) : shown;
  }
}
