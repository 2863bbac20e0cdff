package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.Engines;
import io.flowloop.agentloop.Prompt;
import io.flowloop.agentloop.PromptDataset;
import io.flowloop.agentloop.RolloutRunner;
import io.flowloop.agentloop.RolloutSummary;
import io.flowloop.agentloop.track.ContactSheet;
import io.flowloop.agentloop.track.OutputFolder;
import io.flowloop.config.DataConfig;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.ResolvedConfig;
import io.flowloop.reward.RewardFunctions;
import io.flowloop.rollout.EngineFactory;
import io.flowloop.rollout.RolloutBatch;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import javax.imageio.ImageIO;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

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
      "  flowloop rollout --config my.conf rollout.n=8 sampler.sdeWindowRange=[0,5]",
      "  flowloop rollout --print-config"
    })
final class RolloutCommand implements Callable<Integer> {

  /** A single rollout is the first step of a training run. */
  static final int STEP = 0;

  private final Terminal terminal;

  @Mixin private SettingsOptions settings = new SettingsOptions();

  RolloutCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    ResolvedConfig resolved = settings.resolve();
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
    EngineFactory engines = Engines.of(config.model(), config.rollout().maxRowsPerForward());
    roll(resolved, prompts, engines, OutputFolders.open("output.dir", config.output().dir()));
    return 0;
  }

  /** The prompts of the step, after a check of all that the file holds. */
  private static List<String> prompts(FlowLoopConfig config) {
    DataConfig data = config.data();
    try (RewardFunctions rewards = RewardFunctions.of(config.reward().weights())) {
      List<String> all =
          PromptChecks.read(
              data.prompts(),
              List.of(prompt -> Engines.checkPrompt(config.model(), prompt), rewards::checkPrompt));
      return PromptDataset.of(all, data.promptsPerStep(), data.shuffleSeed())
          .promptsOf(STEP)
          .stream()
          .map(Prompt::text)
          .toList();
    }
  }

  private void roll(
      ResolvedConfig resolved, List<String> prompts, EngineFactory engines, OutputFolder folder) {
    FlowLoopConfig config = resolved.config();
    EngineLoading loading = new EngineLoading(engines, config.rollout().engines());
    try (RolloutRunner runner =
        RolloutRunner.start(config.rollout(), config.sampler(), config.reward(), loading)) {
      Duration loaded = loading.await();
      RolloutBatch batch = run(runner, prompts);
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

  private RolloutBatch run(RolloutRunner runner, List<String> prompts) {
    RolloutProgress progress = new RolloutProgress(terminal);
    try {
      return runner.run(prompts, STEP, progress);
    } finally {
      progress.end();
    }
  }
}
