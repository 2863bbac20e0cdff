package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.track.OutputFolder;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.PretrainConfig;
import io.flowloop.config.Purpose;
import io.flowloop.config.ResolvedConfig;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.glyph.GlyphConfig;
import io.flowloop.engine.glyph.GlyphPretraining;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** The verb {@code pretrain}: trains the embedded model from nothing. */
@Command(
    name = "pretrain",
    description = {
      "Trains the embedded model on rendered numbers and writes model.safetensors, pictures of"
          + " samples and metrics.jsonl into pretrain.dir. Ctrl-C saves and stops; the same command"
          + " goes on."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  flowloop pretrain",
      "  flowloop pretrain pretrain.steps=12000 pretrain.dir=out/longer",
      "  flowloop rollout model.weights=out/pretrain/model.safetensors"
    })
final class PretrainCommand implements Callable<Integer> {

  private static final GlyphConfig MODEL = GlyphConfig.EMBEDDED;

  private final Terminal terminal;
  private final StopSignal stop;

  @Mixin private SettingsOptions settings = new SettingsOptions();

  PretrainCommand(Terminal terminal, StopSignal stop) {
    this.terminal = terminal;
    this.stop = stop;
  }

  @Override
  public Integer call() {
    ResolvedConfig resolved = settings.resolve(Purpose.ROLLOUT);
    if (settings.printConfig()) {
      terminal.print(resolved.render());
    } else if (settings.dryRun()) {
      terminal.print(plan(resolved.config().pretrain()));
    } else {
      train(resolved.config());
    }
    return 0;
  }

  private static String plan(PretrainConfig pretrain) {
    return """
        steps   %d of %d images each, %d images in all
        model   width %d, depth %d, heads %d, patch %d
        output  %s: a checkpoint every %d steps, a picture every %d
        """
        .formatted(
            pretrain.steps(),
            pretrain.batchSize(),
            (long) pretrain.steps() * pretrain.batchSize(),
            MODEL.width(),
            MODEL.depth(),
            MODEL.heads(),
            MODEL.patch(),
            pretrain.dir(),
            pretrain.saveEvery(),
            pretrain.sampleEvery());
  }

  private void train(FlowLoopConfig config) {
    OutputFolder folder = OutputFolders.open("pretrain.dir", config.pretrain().dir());
    GlyphPretraining pretraining =
        new GlyphPretraining(
            config.pretrain(), MODEL, config.model().imageHeight(), config.model().imageWidth());
    stop.listen();
    try (SampleSheets sheets = new SampleSheets(config, folder);
        LoadedDevice device =
            LoadedDevice.open(
                config.model().device(), config.model().dtype(), config.model().threads());
        PretrainProgress progress = new PretrainProgress(terminal, folder, sheets, stop)) {
      int steps = pretraining.run(device, progress);
      progress.say(
          "%d of %d steps done; draw with flowloop rollout model.weights=%s"
              .formatted(steps, config.pretrain().steps(), pretraining.modelFile()));
    }
  }
}
