package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.bench.ModelPart;
import io.flowloop.config.Nearest;
import io.flowloop.engine.qwenimage.QwenImageGeometry;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;

/** The options of {@code bench} for a model that is measured part by part. */
final class ModelBenchOptions {

  /** The model that {@link #MODEL} may name. */
  static final String RANDOM_QWEN_IMAGE = "qwen-image-random";

  private static final String MODEL = "--model";

  /** They need it. */
  private static final List<String> WITH_MODEL = List.of("--geometry", "--text-tokens", "--parts");

  /** They have no meaning with it. */
  private static final List<String> WITHOUT_MODEL =
      List.of("--mode", "--path", "--rewards", "--prompts", "--plot", "--peer-file");

  @Option(
      names = MODEL,
      paramLabel = "NAME",
      description =
          "measure parts of a model with random weights instead: "
              + RANDOM_QWEN_IMAGE
              + " (default: the model of the settings, whole)")
  private Optional<String> model = Optional.empty();

  @Option(
      names = "--geometry",
      paramLabel = "GEOMETRY",
      description =
          "of that model: published, the full size; tiny, for a CPU (default: ${DEFAULT-VALUE})")
  private String geometry = "published";

  @Option(
      names = "--text-tokens",
      paramLabel = "N",
      description = "tokens of its prompts, 1 or more (default: ${DEFAULT-VALUE})")
  private int textTokens = 256;

  @Option(
      names = "--parts",
      paramLabel = "PART,PART,...",
      description =
          "which of modulation, forward, operators, decode, encode, loop, training to measure"
              + " (default: all)")
  private Optional<String> parts = Optional.empty();

  /**
   * Whether there is a model to be measured part by part.
   *
   * @throws BadInputException if options do not go together
   */
  boolean given(ParseResult options) {
    if (model.isEmpty()) {
      refuse(options, WITH_MODEL, "no option without " + MODEL);
      return false;
    }
    if (!model.get().equals(RANDOM_QWEN_IMAGE)) {
      throw new BadInputException(
          "%s: %s (expected: %s, or none for the model of the settings)"
              .formatted(MODEL, model.get(), RANDOM_QWEN_IMAGE));
    }
    refuse(
        options,
        WITHOUT_MODEL,
        "no option with %s, whose parts are measured without prompts, actors and rewards"
            .formatted(MODEL));
    return true;
  }

  private static void refuse(ParseResult given, List<String> options, String why) {
    options.stream()
        .filter(given::hasMatchedOption)
        .findFirst()
        .ifPresent(
            option -> {
              throw new BadInputException(option + ": " + why);
            });
  }

  QwenImageGeometry geometry() {
    return one("--geometry", geometry, QwenImageGeometry.values());
  }

  int textTokens() {
    if (textTokens < 1) {
      throw new BadInputException("--text-tokens: %d (expected: 1 or more)".formatted(textTokens));
    }
    return textTokens;
  }

  Set<ModelPart> parts() {
    Set<ModelPart> chosen = EnumSet.noneOf(ModelPart.class);
    if (parts.isEmpty()) {
      return EnumSet.allOf(ModelPart.class);
    }
    for (String part : parts.get().split(",", -1)) {
      chosen.add(one("--parts", part.strip(), ModelPart.values()));
    }
    return chosen;
  }

  private static <E extends Enum<E>> E one(String option, String written, E[] values) {
    List<String> known =
        Arrays.stream(values).map(value -> value.name().toLowerCase(Locale.ROOT)).toList();
    int index = known.indexOf(written);
    if (index < 0) {
      throw new BadInputException(
          "%s: %s (expected: one of %s)%s"
              .formatted(
                  option,
                  written,
                  String.join(", ", known),
                  Nearest.to(written, known).map("; did you mean %s?"::formatted).orElse("")));
    }
    return values[index];
  }
}
