package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.Engines;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.ModelConfig;
import io.flowloop.config.Purpose;
import io.flowloop.engine.qwenimage.QwenImageVerification;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The verb {@code verify}: a model folder against what the reference made of it. */
@Command(
    name = "verify",
    description = {
      "Compares the Qwen-Image of a folder with the reference implementation, stage by stage: token"
          + " ids, embeddings, velocity, noise levels, latents and images without guidance and with"
          + " it, VAE, gradients.",
      "The folder is one that Hugging Face publishes, with the reference's numbers beside it in "
          + QwenImageVerification.GOLDEN
          + ", which bench/qwen_image_reference.py makes. An error is ‖ours - reference‖ / ‖reference‖."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  flowloop verify models/tiny-qwen-image",
      "  flowloop verify models/Qwen-Image --tolerance 1e-1 model.device=gpu:0 model.dtype=bfloat16"
    })
final class VerifyCommand implements Callable<Integer> {

  private final Terminal terminal;

  @Parameters(index = "0", paramLabel = "DIR", description = "the folder of the model")
  private Path folder = Path.of("");

  @Option(
      names = "--tolerance",
      paramLabel = "X",
      description = "largest error of a stage that passes (default: ${DEFAULT-VALUE})")
  private double tolerance = 1e-4;

  @Parameters(
      index = "1..*",
      paramLabel = "key=value",
      description = "settings: model.device, model.dtype, model.threads, model.offload")
  private List<String> assignments = List.of();

  VerifyCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    if (!(tolerance > 0)) {
      throw new BadInputException("--tolerance: %s (expected: more than 0)".formatted(tolerance));
    }
    if (!Files.isDirectory(folder)) {
      throw new BadInputException(
          "%s: not a folder (expected: one with model_index.json and %s)"
              .formatted(folder, QwenImageVerification.GOLDEN));
    }
    ModelConfig model = model();
    if (model.adapter().isPresent()) {
      throw new BadInputException(
          "model.adapter: %s (expected: null, as the reference's numbers are the model's alone)"
              .formatted(model.adapter().get()));
    }
    Outcome outcome = outcome(model);
    List<QwenImageVerification.Stage> stages = outcome.stages();
    if (stages.isEmpty()) {
      throw new BadInputException(
          "%s: nothing to compare (expected: tensors such as transformer.velocity)"
              .formatted(folder.resolve(QwenImageVerification.GOLDEN)));
    }
    TextTable table =
        new TextTable(
            "%s in %s on %s"
                .formatted(
                    folder,
                    model.dtype().toString().toLowerCase(Locale.ROOT),
                    Engines.device(model, 0)),
            List.of("stage", "error", ""));
    for (QwenImageVerification.Stage stage : stages) {
      table.add(
          List.of(
              stage.name(),
              String.format(Locale.ROOT, "%.1e", stage.error()),
              passes(stage) ? "ok" : "FAILS"));
    }
    terminal.print(table.render());
    if (!outcome.unread().isEmpty()) {
      terminal.print("\nnot compared: %s\n".formatted(String.join(", ", outcome.unread())));
    }
    long failed = stages.stream().filter(stage -> !passes(stage)).count();
    terminal.print(
        "\n%d of %d stages are within %s\n"
            .formatted(stages.size() - failed, stages.size(), tolerance));
    return failed == 0 ? 0 : Failures.FAILED;
  }

  private boolean passes(QwenImageVerification.Stage stage) {
    return stage.error() <= tolerance;
  }

  private ModelConfig model() {
    List<String> all = new ArrayList<>(assignments);
    all.add("model.name=qwen-image");
    all.add("model.path=\"%s\"".formatted(folder));
    return ConfigLoader.load(
            new ConfigSources(ConfigSources.DEFAULT_PRESET, Optional.empty(), all),
            SettingsOptions.knownNames(),
            Purpose.ROLLOUT)
        .config()
        .model();
  }

  /**
   * What came of it.
   *
   * @param unread tensors of the reference that no stage has the name of
   */
  private record Outcome(List<QwenImageVerification.Stage> stages, List<String> unread) {}

  private static Outcome outcome(ModelConfig model) {
    try (QwenImageVerification verification =
        BadInputException.instead(
            () -> QwenImageVerification.open(model.on(Engines.device(model, 0))))) {
      return new Outcome(verification.stages(), verification.unread());
    }
  }
}
