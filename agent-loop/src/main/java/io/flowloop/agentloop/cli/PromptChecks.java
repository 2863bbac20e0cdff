package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.Engines;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.PromptFile;
import io.flowloop.reward.RewardFunctions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Finds all prompts of a file that cannot be drawn or rewarded, before anything is loaded. */
final class PromptChecks {

  private static final int MOST_SHOWN = 20;

  private PromptChecks() {}

  /**
   * All prompts of {@code data.prompts}, which the model and every reward function take.
   *
   * @throws BadInputException with the place of every prompt that one of them refuses
   */
  static List<String> read(FlowLoopConfig config) {
    try (RewardFunctions rewards = RewardFunctions.of(config.reward())) {
      return read(
          config.data().prompts(),
          List.of(prompt -> Engines.checkPrompt(config.model(), prompt), rewards::checkPrompt));
    }
  }

  /**
   * The prompts of a file.
   *
   * @param checks each throws an {@link IllegalArgumentException} that says what is wrong
   * @throws BadInputException with the place of every prompt that one of them refuses
   */
  static List<String> read(String location, List<Consumer<String>> checks) {
    try {
      PromptFile file = PromptFile.read(location);
      List<String> problems =
          file.lines().stream()
              .flatMap(line -> problem(file.location(), line, checks).stream())
              .toList();
      if (!problems.isEmpty()) {
        throw new BadInputException(layOut(location, problems));
      }
      return file.prompts();
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  /** The first one of a prompt; others mostly say the same. */
  private static Optional<String> problem(
      String location, PromptFile.Line line, List<Consumer<String>> checks) {
    for (Consumer<String> check : checks) {
      try {
        check.accept(line.prompt());
      } catch (IllegalArgumentException e) {
        return Optional.of("  %s:%d  %s".formatted(location, line.number(), e.getMessage()));
      }
    }
    return Optional.empty();
  }

  private static String layOut(String location, List<String> problems) {
    String heading =
        "%d %s in %s"
            .formatted(problems.size(), problems.size() == 1 ? "problem" : "problems", location);
    String shown = String.join("\n", problems.subList(0, Math.min(MOST_SHOWN, problems.size())));
    int more = problems.size() - MOST_SHOWN;
    return heading + "\n" + shown + (more > 0 ? "\n  ... and %d more".formatted(more) : "");
  }
}
