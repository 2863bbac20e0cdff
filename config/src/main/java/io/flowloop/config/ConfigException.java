package io.flowloop.config;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** A configuration that cannot be used; carries and shows all that is wrong with it. */
public final class ConfigException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final transient List<Problem> problems;

  ConfigException(List<Problem> problems) {
    super(layOut(problems));
    this.problems = List.copyOf(problems);
  }

  /** All problems, at least one. */
  public List<Problem> problems() {
    return problems;
  }

  private static String layOut(List<Problem> problems) {
    int subjectWidth = width(problems.stream().map(Problem::subject).toList());
    int originWidth = width(problems.stream().map(Problem::origin).toList());
    String line = "  %%-%ds  %%-%ds  %%s".formatted(subjectWidth, originWidth + 2);
    return problems.stream()
        .map(p -> line.formatted(p.subject(), "(" + p.origin() + ")", p.message()))
        .collect(Collectors.joining("\n", heading(problems) + "\n", ""));
  }

  private static String heading(List<Problem> problems) {
    Set<String> sources = problems.stream().map(Problem::source).collect(Collectors.toSet());
    String where = sources.size() > 1 ? Problem.ANYWHERE : sources.iterator().next();
    return problems.size()
        + (problems.size() == Problems.MOST ? " or more" : "")
        + (problems.size() == 1 ? " problem" : " problems")
        + (where.equals(CommandLine.ORIGIN) ? " on the " : " in ")
        + where;
  }

  private static int width(List<String> texts) {
    return texts.stream().mapToInt(String::length).max().orElse(1);
  }
}
