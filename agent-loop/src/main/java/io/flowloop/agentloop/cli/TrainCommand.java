package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.Checkpoint;
import io.flowloop.agentloop.Checkpoints;
import io.flowloop.agentloop.Engines;
import io.flowloop.agentloop.FlowLoop;
import io.flowloop.agentloop.TrainingSummary;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.Purpose;
import io.flowloop.config.ResolvedConfig;
import io.flowloop.reward.RewardFunctions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Stack;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.IParameterConsumer;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** The verb {@code train}: FlowGRPO training of the model. */
@Command(
    name = "train",
    description = {
      "Trains the model with FlowGRPO: draws, rewards, learns and validates for trainer.steps steps,"
          + " and writes checkpoints, metrics.jsonl, TensorBoard events and report.html into"
          + " trainer.dir. Ctrl-C saves and stops; --resume goes on."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  flowloop train",
      "  flowloop train --resume",
      "  flowloop train --resume out/train/checkpoints/step-000100 trainer.dir=out/other",
      "  flowloop train --preset glyph-lora rollout.seed=7 trainer.dir=out/lora",
      "  flowloop rollout --checkpoint out/train"
    })
final class TrainCommand implements Callable<Integer> {

  private static final String NEWEST = "newest";

  /** Takes the word behind the option, unless it is a setting or another option. */
  private static final class CheckpointName implements IParameterConsumer {

    private static final Pattern OTHER = Pattern.compile("-.*|[\\w.-]+\\s*=.*", Pattern.DOTALL);

    @Override
    public void consumeParameters(Stack<String> words, ArgSpec option, CommandSpec command) {
      boolean none = words.isEmpty() || OTHER.matcher(words.peek()).matches();
      option.setValue(Optional.of(none ? NEWEST : words.pop()));
    }
  }

  private final Terminal terminal;
  private final StopSignal stop;

  @Mixin private SettingsOptions settings = new SettingsOptions();

  @Option(
      names = "--resume",
      arity = "0..1",
      fallbackValue = NEWEST,
      parameterConsumer = CheckpointName.class,
      paramLabel = "CHECKPOINT",
      description =
          "go on from the checkpoint in a folder, or the newest of a run's folder; without a name,"
              + " from the newest of trainer.dir, or from the beginning where there is none")
  private Optional<String> resume = Optional.empty();

  TrainCommand(Terminal terminal, StopSignal stop) {
    this.terminal = terminal;
    this.stop = stop;
  }

  @Override
  public Integer call() {
    ResolvedConfig resolved = settings.resolve(Purpose.TRAINING);
    if (settings.printConfig()) {
      terminal.print(resolved.render());
      return 0;
    }
    FlowLoopConfig config = resolved.config();
    checkPrompts(config);
    Optional<Path> checkpoint = BadInputException.instead(() -> checkpoint(config));
    if (settings.dryRun()) {
      terminal.print(TrainPlan.of(config, checkpoint).render());
      return 0;
    }
    OutputFolders.open("trainer.dir", config.trainer().dir());
    train(resolved, checkpoint);
    return 0;
  }

  /** Both files, whole: a bad prompt must not end a run hours later. */
  private static void checkPrompts(FlowLoopConfig config) {
    try (RewardFunctions rewards = RewardFunctions.of(config.reward())) {
      List<Consumer<String>> checks =
          List.of(prompt -> Engines.checkPrompt(config.model(), prompt), rewards::checkPrompt);
      PromptChecks.read(config.data().prompts(), checks);
      PromptChecks.read(config.data().validationPrompts(), checks);
    }
  }

  /** Where to go on from: whole, and of a run with these settings. */
  private Optional<Path> checkpoint(FlowLoopConfig config) {
    Optional<Path> found =
        resume.isPresent() && !resume.get().equals(NEWEST)
            ? Optional.of(named(Path.of(resume.get())))
            : newest(config.trainer().dir());
    found.ifPresent(path -> Checkpoints.requireSameRun(path, config));
    return found;
  }

  /** Of a run's folder the newest one, where {@link Checkpoints#resolve} takes the best one. */
  private Path named(Path dir) {
    return Checkpoints.latestWhole(dir, terminal.err()::println)
        .orElseGet(() -> Checkpoints.resolve(dir));
  }

  private Optional<Path> newest(Path dir) {
    List<String> torn = new ArrayList<>();
    Optional<Path> newest = Checkpoints.latestWhole(dir, torn::add);
    if (newest.isEmpty() && !torn.isEmpty()) {
      throw new BadInputException(
          """
          trainer.dir: %s (expected: a folder without a run, or with a whole checkpoint)
            %s
          set another trainer.dir, or name a checkpoint by --resume\
          """
              .formatted(dir, String.join("\n  ", torn)));
    }
    if (newest.isPresent() && resume.isEmpty()) {
      throw new BadInputException(
          "trainer.dir: %s (expected: a folder without a run); it holds %s: go on with --resume,"
                  .formatted(dir, newest.get())
              + " or set another trainer.dir");
    }
    torn.forEach(damage -> terminal.err().println(damage + "; an older one is taken"));
    return newest;
  }

  private void train(ResolvedConfig resolved, Optional<Path> checkpoint) {
    FlowLoopConfig config = resolved.config();
    LogFields.run(config.trainer().dir());
    stop.listen();
    TrainProgress progress = new TrainProgress(terminal);
    try (FlowLoop loop =
        FlowLoop.builder(config)
            .tracker(progress)
            .warnings(progress::say)
            .description(resolved, Machine.facts(config.model()))
            .build()) {
      stop.onRequest(loop::stop);
      report(train(loop, checkpoint));
    }
  }

  private TrainingSummary train(FlowLoop loop, Optional<Path> checkpoint) {
    if (checkpoint.isPresent()) {
      return BadInputException.instead(() -> loop.resume(checkpoint.get()));
    }
    // From the beginning, but with a journal's groups if it is to go on.
    return resume.isPresent() ? loop.resume() : loop.train();
  }

  private void report(TrainingSummary summary) {
    terminal.print(
        """
        %s after %d steps, %s
        validation  %s
        output      %s
        """
            .formatted(
                summary.stopped() ? "stopped" : "done",
                summary.step(),
                Units.clock(Units.seconds(summary.elapsed())),
                validations(summary),
                summary.dir()));
    if (summary.stopped()) {
      terminal.out().println("the same command with --resume goes on");
    }
  }

  private static String validations(TrainingSummary summary) {
    return "first %s, best %s, last %s"
        .formatted(reward(summary.first()), reward(summary.best()), reward(summary.last()));
  }

  private static String reward(Optional<Checkpoint.Best> validation) {
    return validation
        .map(found -> "%.4f (step %d)".formatted(found.reward(), found.step()))
        .orElse("none");
  }
}
