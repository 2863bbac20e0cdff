package io.flowloop.config;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The problems found so far. Nobody reads hundreds, so looking for more ends with the last one. */
final class Problems {

  /** After so many nothing more is looked for. */
  static final int MOST = 200;

  private final List<Problem> found = new ArrayList<>();

  /**
   * @throws ConfigException with all problems, if there are {@link #MOST}
   */
  void add(Problem problem) {
    found.add(problem);
    if (found.size() == MOST) {
      throw new ConfigException(found);
    }
  }

  boolean isEmpty() {
    return found.isEmpty();
  }

  Stream<Problem> stream() {
    return found.stream();
  }

  /**
   * @throws ConfigException with all problems, if there is one
   */
  void throwIfAny() {
    if (!found.isEmpty()) {
      throw new ConfigException(found);
    }
  }

  /** The problems as an exception; there is at least one. */
  ConfigException exception() {
    return new ConfigException(found);
  }
}
