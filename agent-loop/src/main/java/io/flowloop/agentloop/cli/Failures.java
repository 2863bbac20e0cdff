package io.flowloop.agentloop.cli;

import io.flowloop.config.ConfigException;
import io.flowloop.config.Nearest;
import io.flowloop.engine.EngineException;
import io.flowloop.rollout.NodeCertificateException;
import io.flowloop.rollout.RolloutException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.Collection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** From what went wrong to a message for the user and an exit code. */
final class Failures implements IParameterExceptionHandler, IExecutionExceptionHandler {

  static final int FAILED = 1;
  static final int BAD_INPUT = 2;

  /** That of a wrong configuration in sysexits.h: to start again will not help. */
  static final int INCOMPATIBLE = 78;

  private static final Logger LOG = LoggerFactory.getLogger(Failures.class);

  @Override
  public int handleParseException(ParameterException e, String[] args) {
    CommandLine command = e.getCommandLine();
    String name = command.getCommandSpec().qualifiedName();
    String message =
        e instanceof UnmatchedArgumentException unmatched
            ? unknown(command, unmatched.getUnmatched().getFirst())
            : e.getMessage();
    command.getErr().println(name + ": " + message);
    command.getErr().println(name + " --help shows what there is.");
    return BAD_INPUT;
  }

  private static String unknown(CommandLine command, String written) {
    boolean option = written.startsWith("-");
    if (option && written.contains(".")) {
      return "%s: settings are written without dashes, as rollout.n=8".formatted(written);
    }
    Collection<String> known =
        option ? command.getCommandSpec().optionsMap().keySet() : command.getSubcommands().keySet();
    return "unknown %s: %s%s"
        .formatted(
            option ? "option" : "verb",
            written,
            Nearest.to(written, known).map("; did you mean %s?"::formatted).orElse(""));
  }

  @Override
  public int handleExecutionException(Exception e, CommandLine command, ParseResult parsed) {
    String name = command.getCommandName();
    PrintWriter err = command.getErr();
    return switch (e) {
      case ConfigException _, BadInputException _, NodeCertificateException _ -> {
        err.println(e.getMessage());
        yield BAD_INPUT;
      }
      case RolloutException _, EngineException _, UncheckedIOException _ -> {
        err.println(name + " failed: " + e.getMessage());
        if (LOG.isDebugEnabled()) {
          e.printStackTrace(err);
        }
        yield FAILED;
      }
      default -> {
        err.println(name + " failed unexpectedly:");
        e.printStackTrace(err);
        yield FAILED;
      }
    };
  }
}
