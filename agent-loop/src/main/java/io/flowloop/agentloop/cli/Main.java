package io.flowloop.agentloop.cli;

import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The root of the command line, {@code flowloop VERB ...}. */
@Command(
    name = "flowloop",
    scope = ScopeType.INHERIT,
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    synopsisSubcommandLabel = "VERB",
    description =
        "Rollouts of diffusion models, and their training with FlowGRPO: many images of each prompt"
            + " are drawn, rewarded and learned from.",
    commandListHeading = "%nVerbs:%n",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:it worked",
      "1:it failed",
      "2:what was given cannot be used; nothing was created",
      "78:another version of flowloop than the trainer's"
    })
public final class Main implements Callable<Integer> {

  /** Longest wait for somebody to read what is left on standard error. */
  private static final Duration LAST_WORDS = Duration.ofSeconds(1);

  @Spec private CommandSpec spec = CommandSpec.create();

  private Main() {}

  /** Runs a command line and ends the process with its exit code. */
  public static void main(String[] args) {
    // Numbers are written the same everywhere.
    Locale.setDefault(Locale.ROOT);
    LossyOutput stderr = LossyOutput.insteadOfStderr();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stderr.awaitWritten(LAST_WORDS)));
    StopSignal stop = new StopSignal();
    int exitCode = Failures.FAILED;
    try {
      exitCode = commandLine(Terminal.system(), stop).execute(args);
    } finally {
      stderr.awaitWritten(LAST_WORDS);
      stop.ended(exitCode);
    }
    System.exit(exitCode);
  }

  /** All verbs, writing to a terminal; those that can be stopped listen to {@code stop}. */
  static CommandLine commandLine(Terminal terminal, StopSignal stop) {
    Failures failures = new Failures();
    return new CommandLine(new Main())
        .addSubcommand("train", new TrainCommand(terminal, stop))
        .addSubcommand("rollout", new RolloutCommand(terminal))
        .addSubcommand("node", new NodeCommand(terminal, stop))
        .addSubcommand("bench", new BenchCommand(terminal, stop))
        .addSubcommand("pretrain", new PretrainCommand(terminal, stop))
        .addSubcommand("verify", new VerifyCommand(terminal))
        .addSubcommand("certs", new CertsCommand(terminal))
        .addSubcommand("doctor", new DoctorCommand(terminal))
        .addSubcommand("help", new HelpCommand())
        .setOut(terminal.out())
        .setErr(terminal.err())
        .setExpandAtFiles(false)
        .setParameterExceptionHandler(failures)
        .setExecutionExceptionHandler(failures);
  }

  /** Without a verb there is nothing to do but to say what there is. */
  @Override
  public Integer call() {
    spec.commandLine().usage(spec.commandLine().getErr());
    return Failures.BAD_INPUT;
  }
}
