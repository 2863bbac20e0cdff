package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.Engines;
import io.flowloop.agentloop.bench.BenchRun;
import io.flowloop.agentloop.bench.ModelBenchJson;
import io.flowloop.agentloop.bench.ModelBenchResult;
import io.flowloop.agentloop.bench.ModelBenchSpec;
import io.flowloop.agentloop.bench.ModelBenchmark;
import io.flowloop.agentloop.bench.ModelPart;
import io.flowloop.agentloop.bench.PartResult;
import io.flowloop.config.ModelConfig;
import io.flowloop.config.ResolvedConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * {@code bench --model}: a model with random weights, measured part by part.
 *
 * @param stop ends it behind the iteration that runs
 * @param output where every number goes
 */
record ModelBench(
    Terminal terminal, StopSignal stop, ModelBenchSpec spec, ResolvedConfig settings, Path output) {

  ModelBench {
    if (spec.parts().contains(ModelPart.TRAINING) && spec.config().update().lora().rank() == 0) {
      throw new BadInputException(
          "update.lora.rank: 0 (expected: 1 or more, as the training step is one of adapters;"
              + " --parts can do without it)");
    }
  }

  /** What would be measured. */
  void plan() {
    terminal.print(
        """
        model       %s, %s
        on          %s in %s, images of %d×%d pixels
        parts       %s
        rows        %s, guidance %s
        iterations  %d of each part to warm up, %d that count
        """
            .formatted(
                ModelBenchOptions.RANDOM_QWEN_IMAGE,
                ModelBenchReport.size(spec),
                model().device(),
                ModelBenchReport.dtype(spec),
                model().imageHeight(),
                model().imageWidth(),
                words(spec.parts().stream().sorted().toList()),
                words(spec.rows()),
                words(spec.guidances()),
                spec.warmUp(),
                spec.iterations()));
  }

  private static String words(List<?> some) {
    return some.stream().map(Object::toString).collect(Collectors.joining(", "));
  }

  private ModelConfig model() {
    return spec.config().model();
  }

  void run() throws IOException {
    BenchFile json = BenchFile.open("--output", output);
    ModelBenchmark benchmark = new ModelBenchmark(spec, new Progress());
    stop.listen();
    stop.onRequest(benchmark::stop);
    ModelBenchResult result = benchmark.run();
    Map<String, String> machine = Machine.facts(model());
    terminal.print(new ModelBenchReport(result).text());
    json.write(
        new ModelBenchJson(
                result, new BenchRun(Version.number(), machine, Machine.variables(), settings))
            ::write);
    terminal.out().println("numbers    " + json.path());
  }

  /** Says what it runs on, and then each part as soon as it is measured. */
  private final class Progress implements ModelBenchmark.Listener {

    @Override
    public void onLoaded() {
      Map<String, String> machine = Machine.facts(model());
      terminal.print(
          """
          machine    %s, cores: %s; %s; Java %s
          libtorch   %s on %s%s
          model      %s, %s
          """
              .formatted(
                  machine.get("cpu"),
                  machine.get("cores"),
                  machine.get("os"),
                  machine.get("java"),
                  machine.get("libtorch"),
                  Engines.device(model(), 0),
                  machine.containsKey("gpu") ? ", " + machine.get("gpu") : "",
                  ModelBenchOptions.RANDOM_QWEN_IMAGE,
                  ModelBenchReport.size(spec)));
    }

    @Override
    public void onMeasured(PartResult result) {
      terminal.out().println(ModelBenchReport.line(result));
    }
  }
}
