package io.flowloop.agentloop.cli;

import ai.djl.engine.Engine;
import io.flowloop.agentloop.Engines;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.RgbImage;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.TorchRuntime;
import io.flowloop.engine.glyph.DejaVu;
import io.flowloop.engine.glyph.GlyphRenderer;
import io.flowloop.reward.RewardFunctions;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.bytedeco.tesseract.TessBaseAPI;
import picocli.CommandLine.Command;

/** The verb {@code doctor}: what there is on this machine and whether it works, as plain text. */
@Command(
    name = "doctor",
    description = "Says what flowloop found on this machine and whether it works, to be pasted.")
final class DoctorCommand implements Callable<Integer> {

  private static final String PROMPT = "a sign that says \"7382\"";
  private static final int ROWS = 16;

  private final Terminal terminal;
  private int failures;

  DoctorCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    check("flowloop", Version::number);
    check("java", () -> Machine.java() + ", " + System.getProperty("java.home"));
    check("os", Machine::os);
    check("cpu", () -> Machine.cpu() + ", cores: " + Runtime.getRuntime().availableProcessors());
    check("memory", Machine::memory);
    check("environment", DoctorCommand::environment);
    check("djl", Engine::getDjlVersion);
    check("libtorch", DoctorCommand::libtorch);
    check("devices", () -> TorchRuntime.gpus() == 0 ? "cpu" : "cpu, GPUs: " + TorchRuntime.gpus());
    check("fonts", () -> DejaVu.load("DejaVuSans", 1).getFontName() + " from the classpath");
    check("forward", DoctorCommand::forward);
    check("ocr", DoctorCommand::ocr);
    check("tesseract", () -> TessBaseAPI.Version().getString());
    return failures == 0 ? 0 : Failures.FAILED;
  }

  /** One line; what does not work is its text, and the doctor goes on. */
  private void check(String name, Callable<String> fact) {
    String text;
    try {
      text = fact.call();
    } catch (Exception | LinkageError e) {
      failures++;
      text = "DOES NOT WORK: " + e;
    }
    terminal.out().println("%-12s %s".formatted(name, text));
  }

  private static String environment() {
    return Machine.variables().entrySet().stream()
        .map(variable -> variable.getKey() + "=" + variable.getValue())
        .collect(Collectors.joining(" "));
  }

  private static String libtorch() {
    return "%s, threads: %d, %s"
        .formatted(TorchRuntime.version(), TorchRuntime.threads(), TorchRuntime.libraryPath());
  }

  /** Draws a request of the default model twice and times the second. */
  private static String forward() {
    FlowLoopConfig config =
        ConfigLoader.load(ConfigSources.of(), SettingsOptions.knownNames()).config();
    int steps = config.sampler().numInferenceSteps();
    RolloutRequest request =
        RolloutRequest.of(PROMPT, Sampling.ode(steps), LongStream.range(0, ROWS).toArray());
    try (DiffusionEngine engine = Engines.of(config.model(), ROWS).create(0)) {
      engine.generate(request);
      long begun = System.nanoTime();
      engine.generate(request);
      Duration time = Duration.ofNanos(System.nanoTime() - begun);
      return "%s, %d rows in %.1f ms, on %s"
          .formatted(
              config.model().name(),
              ROWS,
              Units.millis(time) / steps,
              Engines.device(config.model(), 0));
    }
  }

  private static String ocr() throws Exception {
    RgbImage image = new GlyphRenderer().draw("7382", new GlyphRenderer.Style(0, 22, 0, 0), 32, 96);
    try (RewardFunctions rewards = RewardFunctions.of(Map.of("ocr", 1.0))) {
      double reward = rewards.score(PROMPT, image).total();
      if (reward < 1) {
        throw new IllegalStateException("reward %.2f for a clean 7382".formatted(reward));
      }
      return "reads a rendered number";
    }
  }
}
