package io.flowloop.agentloop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * A command line of flowloop in a JVM of its own, with the class path, flags and environment of
 * this one ({@link FlowLoopCommand} adds to them), for tests that kill it. Its standard output and
 * error are one sequence of lines.
 *
 * <p>Used by one thread.
 */
public final class FlowLoopProcess implements AutoCloseable {

  /** The exit code of a process that SIGKILL ended. */
  public static final int KILLED = 128 + 9;

  /** The exit code of a process that SIGTERM ended and that did not mind it. */
  public static final int TERMINATED = 128 + 15;

  /** For what takes seconds, on a machine that is busy. */
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private final Process process;
  private final Writer log;
  private final List<String> lines = new ArrayList<>();
  private final Thread reader;
  private boolean ended;

  /** The next line that {@link #awaitLine} looks at. */
  private int unseen;

  private FlowLoopProcess(Process process, Writer log) {
    this.process = process;
    this.log = log;
    reader = Thread.ofVirtual().start(this::read);
  }

  /** Starts a command line of flowloop, such as {@code rollout --dry-run}. */
  public static FlowLoopProcess start(String... args) {
    return FlowLoopCommand.of(args).start();
  }

  /** Starts another main class. */
  public static FlowLoopProcess startMain(Class<?> main, String... args) {
    return FlowLoopCommand.ofMain(main, args).start();
  }

  static FlowLoopProcess start(FlowLoopCommand command) {
    try {
      Writer log =
          command.log().isPresent()
              ? Files.newBufferedWriter(command.log().get())
              : Writer.nullWriter();
      return new FlowLoopProcess(command.builder().start(), log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void read() {
    try (log;
        BufferedReader in = process.inputReader(UTF_8)) {
      String line;
      while ((line = in.readLine()) != null) {
        log.append(line).append('\n').flush();
        add(line);
      }
    } catch (IOException e) {
      add("(output cut off: " + e + ")");
    } finally {
      end();
    }
  }

  private synchronized void add(String line) {
    lines.add(line);
    notifyAll();
  }

  private synchronized void end() {
    ended = true;
    notifyAll();
  }

  /**
   * Waits for a line that contains a match, among those after the line found before.
   *
   * @throws AssertionError if the process ends without one, or takes minutes
   */
  public String awaitLine(String regex) throws InterruptedException {
    return awaitLine(regex, PATIENCE);
  }

  /**
   * Waits for a line that contains a match, among those after the line found before.
   *
   * @throws AssertionError if the process ends without one, or takes longer
   */
  public synchronized String awaitLine(String regex, Duration deadline)
      throws InterruptedException {
    Pattern pattern = Pattern.compile(regex);
    long end = System.nanoTime() + deadline.toNanos();
    while (true) {
      while (unseen < lines.size()) {
        String line = lines.get(unseen++);
        if (pattern.matcher(line).find()) {
          return line;
        }
      }
      long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
      if (ended || left <= 0) {
        throw new AssertionError(
            "no line with '%s' %s; output:%n%s"
                .formatted(
                    regex,
                    ended ? "before the process ended" + howItEnded() : "after " + deadline,
                    String.join("\n", lines)));
      }
      wait(left);
    }
  }

  private String howItEnded() throws InterruptedException {
    // Its output may end a moment before it.
    return process.waitFor(PATIENCE) ? " with exit code " + process.exitValue() : "";
  }

  /** Lets it run for a while; whether it ended meanwhile. */
  public boolean endsWithin(Duration time) throws InterruptedException {
    return process.waitFor(time);
  }

  /**
   * Waits for its end and returns its exit code.
   *
   * @throws AssertionError if that takes minutes
   */
  public int exitCode() throws InterruptedException {
    return exitCode(PATIENCE);
  }

  /**
   * Waits for its end and returns its exit code.
   *
   * @throws AssertionError if that takes longer
   */
  public int exitCode(Duration deadline) throws InterruptedException {
    if (!process.waitFor(deadline)) {
      throw new AssertionError("still running after %s; output:%n%s".formatted(deadline, output()));
    }
    reader.join();
    return process.exitValue();
  }

  public long pid() {
    return process.pid();
  }

  /** Stops it by SIGSTOP, as a machine that hangs would; {@link #resume} lets it go on. */
  public void pause() throws InterruptedException {
    signal("STOP");
  }

  /** Lets it go on, by SIGCONT. */
  public void resume() throws InterruptedException {
    signal("CONT");
  }

  private void signal(String name) throws InterruptedException {
    try {
      int exitCode =
          new ProcessBuilder("sh", "-c", "kill -%s %d".formatted(name, pid()))
              .inheritIO()
              .start()
              .waitFor();
      if (exitCode != 0) {
        throw new AssertionError("SIG" + name + " cannot be sent; output:\n" + output());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Ends it by SIGKILL, and returns its exit code. */
  public int kill() throws InterruptedException {
    handle().destroyForcibly();
    return exitCode();
  }

  /** Sends SIGTERM and returns; {@link #exitCode} tells what came of it. */
  public void terminate() {
    handle().destroy();
  }

  /** The process itself would close its output too. */
  private ProcessHandle handle() {
    return process.toHandle();
  }

  /** All that it has written so far. */
  public synchronized String output() {
    return String.join("\n", lines);
  }

  /** Ends it by SIGKILL if it still runs. */
  @Override
  public void close() {
    handle().destroyForcibly();
  }
}
