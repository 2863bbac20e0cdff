package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.Checkpoints;
import io.flowloop.agentloop.Engines;
import io.flowloop.agentloop.FlowLoop;
import io.flowloop.agentloop.Prompt;
import io.flowloop.agentloop.PromptDataset;
import io.flowloop.agentloop.RolloutSummary;
import io.flowloop.agentloop.track.ContactSheet;
import io.flowloop.agentloop.track.OutputFolder;
import io.flowloop.config.ClusterRole;
import io.flowloop.config.DataConfig;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.Purpose;
import io.flowloop.config.ResolvedConfig;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.rollout.RolloutBatch;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import javax.imageio.ImageIO;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The verb {@code rollout}: one rollout step, and its pictures, samples and summary as files. */
@Command(
    name = "rollout",
    description = {
      "Draws rollout.n images of each of data.promptsPerStep prompts, rewards them, and writes"
          + " contact_sheet.png, samples.jsonl and summary.json into output.dir."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  flowloop rollout",
      "  flowloop rollout rollout.enableBatchedDiffusion=false output.dir=out/single",
      "  flowloop rollout --checkpoint out/train output.dir=out/trained",
      "  flowloop rollout --config my.conf rollout.n=8 sampler.sdeWindowRange=[0,5]",
      "  flowloop rollout --print-config"
    })
final class RolloutCommand implements Callable<Integer> {

  /** A single rollout is the first step of a training run. */
  static final int STEP = 0;

  private final Terminal terminal;

  @Mixin private SettingsOptions settings = new SettingsOptions();

  @Option(
      names = "--checkpoint",
      paramLabel = "DIR",
      description =
          "draw with a trained policy: the folder of a checkpoint, or of a training run for its"
              + " best one")
  private Optional<Path> checkpoint = Optional.empty();

  RolloutCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    ResolvedConfig resolved = settings.resolve(Purpose.ROLLOUT);
    if (settings.printConfig()) {
      terminal.print(resolved.render());
      return 0;
    }
    FlowLoopConfig config = resolved.config();
    List<String> prompts = prompts(config);
    if (settings.dryRun()) {
      terminal.print(RolloutPlan.of(config, prompts).render());
      return 0;
    }
    Optional<PolicyWeights> policy =
        BadInputException.instead(
            () -> checkpoint.map(Checkpoints::resolve).map(Checkpoints::weights));
    roll(resolved, prompts, policy, OutputFolders.open("output.dir", config.output().dir()));
    return 0;
  }

  /** The prompts of the step, after a check of all that the file holds. */
  private static List<String> prompts(FlowLoopConfig config) {
    DataConfig data = config.data();
    return PromptDataset.of(PromptChecks.read(config), data.shuffleSeed())
        .promptsAt(0, data.promptsPerStep())
        .stream()
        .map(Prompt::text)
        .toList();
  }

  private void roll(
      ResolvedConfig resolved,
      List<String> prompts,
      Optional<PolicyWeights> policy,
      OutputFolder folder) {
    FlowLoopConfig config = resolved.config();
    LogFields.run(folder.path());
    EngineLoading loading =
        new EngineLoading(
            Engines.of(config.model(), config.rollout().maxRowsPerForward()),
            config.cluster().isOnTrainer(ClusterRole.ENGINE) ? config.rollout().engines() : 0);
    try (FlowLoop loop = FlowLoop.builder(config).engines(loading).build()) {
      Duration loaded = loading.await();
      policy.ifPresent(loop::setPolicy);
      RolloutBatch batch = run(loop, prompts);
      RolloutReport report =
          new RolloutReport(
              RolloutSummary.of(batch), loaded, Machine.facts(config.model()), resolved);
      folder.write("samples.jsonl", out -> SampleJson.write(batch.samples(), out));
      folder.write("summary.json", report::writeJson);
      folder.write("contact_sheet.png", out -> ImageIO.write(ContactSheet.of(batch), "png", out));
      terminal.print(report.text());
      terminal.print(
          "files     %s: contact_sheet.png, samples.jsonl, summary.json\n"
              .formatted(folder.path()));
    }
  }

  private RolloutBatch run(FlowLoop loop, List<String> prompts) {
    RolloutProgress progress = new RolloutProgress(terminal);
    try {
      return loop.rollout(prompts, STEP, progress);
    } finally {
      progress.end();
    }
  }
}
