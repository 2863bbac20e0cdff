package io.flowloop.agentloop.faults;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;

/** A command of this machine, run to its end. */
final class HostCommand {

  private HostCommand() {}

  /**
   * Returns what it says.
   *
   * @throws UncheckedIOException if there is no such command, or it fails
   */
  static String run(String... words) {
    try {
      Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
      String output = new String(process.getInputStream().readAllBytes(), UTF_8);
      if (process.onExit().join().exitValue() != 0) {
        throw new IOException(String.join(" ", words) + ": " + output.strip());
      }
      return output;
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }
}
