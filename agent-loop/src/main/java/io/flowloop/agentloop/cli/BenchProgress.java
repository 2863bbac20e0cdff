package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.bench.BenchSpec;
import io.flowloop.agentloop.bench.Benchmark;
import io.flowloop.agentloop.bench.Cell;
import io.flowloop.agentloop.bench.Measurement;
import io.flowloop.config.FlowLoopConfig;
import java.util.Map;

/** Says what is measured and on what, and then how far it is. */
final class BenchProgress implements Benchmark.Listener {

  private static final int LINES = 10;
  private static final int PERCENT = 100;

  private final Terminal terminal;
  private final BenchSpec spec;
  private final LiveLine line;
  private long begun = System.nanoTime();

  BenchProgress(Terminal terminal, BenchSpec spec) {
    this.terminal = terminal;
    this.spec = spec;
    this.line = new LiveLine(terminal, LINES);
  }

  @Override
  public void onLoaded() {
    FlowLoopConfig config = spec.config();
    Map<String, String> machine = Machine.facts(config.model());
    terminal.print(
        """
        machine    %s, cores: %s; %s; Java %s
        libtorch   %s on %s, %s engines, threads of each: %s
        model      %s, %d prompts, %d denoising steps, guidance %s
        """
            .formatted(
                machine.get("cpu"),
                machine.get("cores"),
                machine.get("os"),
                machine.get("java"),
                machine.get("libtorch"),
                machine.get("device"),
                config.rollout().engines(),
                machine.get("threads"),
                config.model().name(),
                spec.prompts().size(),
                config.sampler().numInferenceSteps(),
                config.sampler().guidanceScale()));
    begun = System.nanoTime();
  }

  @Override
  public void onMeasured(Cell cell, int iteration, Measurement measured, long imagesDone) {
    int percent = (int) (PERCENT * imagesDone / spec.images());
    line.show(percent, PERCENT, () -> text(cell, iteration, measured, imagesDone));
  }

  private String text(Cell cell, int iteration, Measurement measured, long imagesDone) {
    double seconds = (System.nanoTime() - begun) / 1e9;
    return "%d%%  %d rows, %s, %s, %s: %.1f images/s  %s left"
        .formatted(
            PERCENT * imagesDone / spec.images(),
            cell.rows(),
            iteration < 1 ? "warm-up" : "iteration %d/%d".formatted(iteration, spec.iterations()),
            cell.way(),
            cell.mode(),
            measured.imagesPerSecond(),
            Units.clock(seconds / imagesDone * (spec.images() - imagesDone)));
  }

  void end() {
    line.end();
  }
}
