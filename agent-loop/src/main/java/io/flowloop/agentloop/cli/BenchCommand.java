package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.Engines;
import io.flowloop.agentloop.Prompt;
import io.flowloop.agentloop.PromptDataset;
import io.flowloop.agentloop.bench.BenchJson;
import io.flowloop.agentloop.bench.BenchPlot;
import io.flowloop.agentloop.bench.BenchResult;
import io.flowloop.agentloop.bench.BenchRun;
import io.flowloop.agentloop.bench.BenchSpec;
import io.flowloop.agentloop.bench.Benchmark;
import io.flowloop.agentloop.bench.ModelBenchSpec;
import io.flowloop.agentloop.bench.PeerFile;
import io.flowloop.config.DataConfig;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.ResolvedConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The verb {@code bench}: batched against single requests, with and without the actors. */
@Command(
    name = "bench",
    description = {
      "Measures how fast images are drawn: batched against single requests, by the engines alone and"
          + " through the actors, without rewards and with them. All cells draw the same rows with"
          + " the same seeds and take turns. Ctrl-C stops and reports what is complete.",
      "With --model: the parts of a Qwen-Image with random weights, one by one: forwards, denoising"
          + " loops, VAE, a training step of adapters. Its settings begin with those of the preset "
          + BenchSettings.MODEL_PRESET
          + "."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  flowloop bench",
      "  flowloop bench --rows 16 --iters 10 --rewards off",
      "  flowloop bench --path engine --steps 20 --device gpu:0 --rows 1,8,64",
      "  flowloop bench rollout.engines=1 model.threads=0",
      "  flowloop bench --model qwen-image-random --rows 1,16 model.device=gpu:0",
      "  flowloop bench --model qwen-image-random --geometry tiny model.imageHeight=64"
          + " model.imageWidth=64"
    })
final class BenchCommand implements Callable<Integer> {

  private final Terminal terminal;
  private final StopSignal stop;

  @Mixin private BenchSettings settings = new BenchSettings();

  @Mixin private BenchOptions options = new BenchOptions();

  @Mixin private ModelBenchOptions modelOptions = new ModelBenchOptions();

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description = "where every number goes, as JSON (default: ${DEFAULT-VALUE})")
  private Path output = Path.of("bench_results.json");

  @Option(
      names = "--plot",
      paramLabel = "FILE",
      description = "where the picture goes, as PNG (default: ${DEFAULT-VALUE})")
  private Path plot = Path.of("bench.png");

  @Option(
      names = "--peer-file",
      paramLabel = "FILE",
      description =
          "measure nothing; write weights, noise and images of --prompts x rollout.n rows for"
              + " bench/peer_pytorch.py")
  private Optional<Path> peerFile = Optional.empty();

  BenchCommand(Terminal terminal, StopSignal stop) {
    this.terminal = terminal;
    this.stop = stop;
  }

  @Override
  public Integer call() throws IOException {
    if (modelOptions.given(spec.commandLine().getParseResult())) {
      measureParts(settings.resolveModel(ModelBenchOptions.RANDOM_QWEN_IMAGE));
      return 0;
    }
    ResolvedConfig resolved = settings.resolve();
    if (settings.printConfig()) {
      terminal.print(resolved.render());
      return 0;
    }
    if (peerFile.isPresent()) {
      PeerFile.write(peerFile.get(), resolved.config(), prompts(resolved.config()));
      terminal.out().println("peer file  " + peerFile.get());
      return 0;
    }
    BenchSpec plan =
        new BenchSpec(
            resolved.config(),
            prompts(resolved.config()),
            options.rows(BenchOptions.ROWS_OF_CELLS),
            options.ways(),
            options.modes(),
            options.warmUp(),
            options.iterations());
    if (settings.dryRun()) {
      terminal.print(new BenchPlan(plan).render());
    } else {
      BenchFile json = BenchFile.open("--output", output);
      BenchFile picture = BenchFile.open("--plot", plot);
      if (json.path().equals(picture.path())) {
        throw new BadInputException(
            "--plot: %s (expected: another file than that of --output)".formatted(plot));
      }
      report(measure(plan), resolved, json, picture);
    }
    return 0;
  }

  private void measureParts(ResolvedConfig resolved) throws IOException {
    ModelBench bench =
        new ModelBench(
            terminal,
            stop,
            new ModelBenchSpec(
                resolved.config(),
                modelOptions.geometry(),
                modelOptions.textTokens(),
                options.rows(BenchOptions.ROWS_OF_PARTS),
                modelOptions.parts(),
                options.warmUp(),
                options.iterations()),
            resolved,
            output);
    if (settings.printConfig()) {
      terminal.print(resolved.render());
    } else if (settings.dryRun()) {
      bench.plan();
    } else {
      bench.run();
    }
  }

  /** The first prompts of a run; none twice, so that there are no fewer groups than it seems. */
  private static List<String> prompts(FlowLoopConfig config) {
    DataConfig data = config.data();
    PromptDataset all = PromptDataset.of(PromptChecks.read(config), data.shuffleSeed());
    if (data.promptsPerStep() > all.size()) {
      throw new BadInputException(
          "--prompts: %d (expected: at most %d, as many as %s holds)"
              .formatted(data.promptsPerStep(), all.size(), data.prompts()));
    }
    return all.promptsAt(0, data.promptsPerStep()).stream().map(Prompt::text).toList();
  }

  private BenchResult measure(BenchSpec spec) {
    BenchProgress progress = new BenchProgress(terminal, spec);
    Benchmark benchmark = new Benchmark(spec, progress);
    stop.listen();
    stop.onRequest(benchmark::stop);
    try {
      return benchmark.run();
    } finally {
      progress.end();
    }
  }

  private void report(
      BenchResult result, ResolvedConfig resolved, BenchFile json, BenchFile picture)
      throws IOException {
    FlowLoopConfig config = resolved.config();
    Map<String, String> machine = Machine.facts(config.model());
    machine.putAll(Engines.kernels(config.model()));
    terminal.print(new BenchReport(result).text());
    json.write(
        new BenchJson(
                result, new BenchRun(Version.number(), machine, Machine.variables(), resolved))
            ::write);
    terminal
        .out()
        .printf(
            "kernels    dense layers by %s, attention by %s%n",
            machine.get("linear"), machine.get("attention"));
    terminal.out().println("numbers    " + json.path());
    if (!result.isEmpty()) {
      picture.write(out -> BenchPlot.write(result, title(config), out));
      terminal.out().println("picture    " + picture.path());
    }
  }

  private static String title(FlowLoopConfig config) {
    return "%s, %d denoising steps, on %s"
        .formatted(
            config.model().name(),
            config.sampler().numInferenceSteps(),
            Machine.facts(config.model()).get("device"));
  }
}
