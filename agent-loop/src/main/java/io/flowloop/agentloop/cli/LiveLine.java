package io.flowloop.agentloop.cli;

import java.util.function.Supplier;

/**
 * The line that tells how far a run is: overwritten where somebody watches, and otherwise written
 * anew whenever a certain share of the run is done. Thread-safe.
 */
final class LiveLine {

  private static final long REFRESH_NANOS = 100_000_000;

  private final Terminal terminal;
  private final int parts;
  private long refreshed = System.nanoTime() - REFRESH_NANOS;
  private long partShown;
  private int width;

  /**
   * A line that is not there yet.
   *
   * @param parts how many lines a whole run has where nobody watches
   */
  LiveLine(Terminal terminal, int parts) {
    this.terminal = terminal;
    this.parts = parts;
  }

  /** Shows a new state, if it is time to. */
  synchronized void show(int done, int total, Supplier<String> text) {
    long now = System.nanoTime();
    long part = (long) done * parts / total;
    if (terminal.interactive()) {
      if (now - refreshed >= REFRESH_NANOS || done == total) {
        overwrite(text.get());
        refreshed = now;
      }
    } else if (part > partShown) {
      terminal.out().println(text.get());
      partShown = part;
    }
  }

  private void overwrite(String text) {
    terminal.print("\r" + text + " ".repeat(Math.max(0, width - text.length())));
    width = text.length();
  }

  /** Leaves the line standing and goes on below it. */
  synchronized void end() {
    if (width > 0) {
      terminal.out().println();
      width = 0;
    }
  }

  /** Says something that stays, above the line. */
  synchronized void say(String text) {
    end();
    terminal.out().println(text);
  }
}
