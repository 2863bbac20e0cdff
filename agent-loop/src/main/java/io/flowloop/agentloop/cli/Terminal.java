package io.flowloop.agentloop.cli;

import java.io.Console;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.Optional;

/**
 * Where a command writes.
 *
 * @param out results and progress
 * @param err what went wrong
 * @param interactive whether somebody watches {@code out}, so that a line may be overwritten
 */
record Terminal(PrintWriter out, PrintWriter err, boolean interactive) {

  /** That of this process. */
  static Terminal system() {
    return new Terminal(
        writer(System.out),
        writer(System.err),
        Optional.ofNullable(System.console()).map(Console::isTerminal).orElse(false));
  }

  /** Writes a text as it is. */
  void print(String text) {
    out.print(text);
    out.flush();
  }

  private static PrintWriter writer(PrintStream stream) {
    return new PrintWriter(stream, true, stream.charset());
  }
}
