package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.bench.Mode;
import io.flowloop.agentloop.bench.Way;
import io.flowloop.config.Nearest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import picocli.CommandLine.Option;

/** The options of {@code bench} that say what is compared; all of them are checked when read. */
final class BenchOptions {

  /** Rows to measure if nothing is said. */
  static final String ROWS_OF_CELLS = "1,2,4,8,16,32";

  static final String ROWS_OF_PARTS = "1,2,4,8,16";

  private static final String BOTH = "both";
  private static final Pattern ROWS = Pattern.compile("[1-9]\\d{0,4}");

  @Option(
      names = "--mode",
      paramLabel = "MODE",
      description =
          "concurrent: single requests, as rollout.enableBatchedDiffusion=false has them; batched:"
              + " one request for each prompt; both (default: ${DEFAULT-VALUE})")
  private String mode = BOTH;

  @Option(
      names = "--path",
      paramLabel = "PATH",
      description =
          "engine: the engines called directly; actors: the whole path of actors; both (default:"
              + " ${DEFAULT-VALUE})")
  private String path = BOTH;

  @Option(
      names = "--rewards",
      paramLabel = "REWARDS",
      description =
          "of the actors: off, a reward that costs nothing; on, those of reward.functions; both"
              + " (default)")
  private Optional<String> rewards = Optional.empty();

  @Option(
      names = "--rows",
      paramLabel = "N,N,...",
      description =
          "values of rollout.n to measure (default: "
              + ROWS_OF_CELLS
              + "; with --model "
              + ROWS_OF_PARTS
              + ")")
  private Optional<String> rows = Optional.empty();

  @Option(
      names = "--iters",
      paramLabel = "N",
      description = "iterations of each cell that count, 0 or more (default: ${DEFAULT-VALUE})")
  private int iterations = 5;

  @Option(
      names = "--warmup",
      paramLabel = "N",
      description =
          "iterations of each cell before those, 0 or more; reported apart (default:"
              + " ${DEFAULT-VALUE})")
  private int warmUp = 1;

  List<Mode> modes() {
    return choice(
        "--mode",
        mode,
        Map.of(
            "concurrent",
            List.of(Mode.CONCURRENT),
            "batched",
            List.of(Mode.BATCHED),
            BOTH,
            List.of(Mode.CONCURRENT, Mode.BATCHED)));
  }

  List<Way> ways() {
    List<Way> ofActors =
        choice(
            "--rewards",
            rewards.orElse(BOTH),
            Map.of(
                "off",
                List.of(Way.ACTORS),
                "on",
                List.of(Way.ACTORS_WITH_REWARDS),
                BOTH,
                List.of(Way.ACTORS, Way.ACTORS_WITH_REWARDS)));
    List<Way> all = new ArrayList<>(List.of(Way.ENGINE));
    all.addAll(ofActors);
    List<Way> ways =
        choice(
            "--path", path, Map.of("engine", List.of(Way.ENGINE), "actors", ofActors, BOTH, all));
    if (rewards.isPresent() && !ways.containsAll(ofActors)) {
      throw new BadInputException(
          "--rewards: %s (expected: none with --path engine, as only actors have rewards)"
              .formatted(rewards.get()));
    }
    return ways;
  }

  /**
   * @param ifNoneGiven as they are written
   */
  List<Integer> rows(String ifNoneGiven) {
    String given = rows.orElse(ifNoneGiven);
    List<String> written = Arrays.stream(given.split(",", -1)).map(String::strip).toList();
    boolean numbers = written.stream().allMatch(n -> ROWS.matcher(n).matches());
    if (!numbers || written.stream().distinct().count() < written.size()) {
      throw new BadInputException(
          "--rows: %s (expected: different whole numbers from 1 to 99999, such as 1,2,4,8)"
              .formatted(given));
    }
    return written.stream().map(Integer::valueOf).toList();
  }

  int iterations() {
    return notNegative("--iters", iterations);
  }

  int warmUp() {
    return notNegative("--warmup", warmUp);
  }

  private static int notNegative(String option, int value) {
    if (value < 0) {
      throw new BadInputException("%s: %d (expected: 0 or more)".formatted(option, value));
    }
    return value;
  }

  private static <T> List<T> choice(String option, String written, Map<String, List<T>> choices) {
    SortedMap<String, List<T>> known = new TreeMap<>(choices);
    return Optional.ofNullable(known.get(written))
        .orElseThrow(
            () ->
                new BadInputException(
                    "%s: %s (expected: one of %s)%s"
                        .formatted(
                            option,
                            written,
                            String.join(", ", known.keySet()),
                            Nearest.to(written, known.keySet())
                                .map("; did you mean %s?"::formatted)
                                .orElse(""))));
  }
}
