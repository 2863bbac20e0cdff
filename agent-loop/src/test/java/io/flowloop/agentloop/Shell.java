package io.flowloop.agentloop;

import java.io.IOException;

/** Commands of this machine that tests need, and may not find. */
public final class Shell {

  private Shell() {}

  /** The exit code of a command, whose output is nobody's; -1 if there is no such command. */
  public static int exitCode(String... command) throws InterruptedException {
    try {
      return new ProcessBuilder(command)
          .redirectErrorStream(true)
          .redirectOutput(ProcessBuilder.Redirect.DISCARD)
          .start()
          .waitFor();
    } catch (IOException e) {
      return -1;
    }
  }
}
