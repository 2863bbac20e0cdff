package io.flowloop.agentloop.cli;

import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.concurrent.TimeUnit;

/**
 * A stream that makes nobody wait: a thread of its own writes, and what comes while {@value #MOST}
 * writes wait for it is lost and counted. Whoever logs to a pipe that nobody reads goes on.
 *
 * <p>Thread-safe.
 */
final class LossyOutput extends OutputStream {

  private static final int MOST = 1_000;

  private final PrintStream target;
  private final Deque<byte[]> waiting = new ArrayDeque<>();
  private long lost;

  private LossyOutput(PrintStream target) {
    this.target = target;
  }

  /** A stream whose thread writes to {@code target} for as long as the process lives. */
  static LossyOutput to(PrintStream target) {
    LossyOutput output = new LossyOutput(target);
    Thread.ofPlatform().daemon().name("stderr").start(output::drain);
    return output;
  }

  /** Has standard error be such a stream from now on. */
  static LossyOutput insteadOfStderr() {
    PrintStream stderr = System.err;
    LossyOutput output = to(stderr);
    System.setErr(new PrintStream(output, true, stderr.charset()));
    return output;
  }

  @Override
  public void write(int oneByte) {
    write(new byte[] {(byte) oneByte}, 0, 1);
  }

  @Override
  public synchronized void write(byte[] bytes, int offset, int length) {
    if (waiting.size() >= MOST) {
      lost++;
      return;
    }
    tellLost();
    waiting.add(Arrays.copyOfRange(bytes, offset, offset + length));
    notifyAll();
  }

  private void tellLost() {
    if (lost > 0) {
      waiting.add(
          "flowloop: %d messages are lost here, as nobody read them%n"
              .formatted(lost)
              .getBytes(StandardCharsets.UTF_8));
      lost = 0;
    }
  }

  private void drain() {
    try {
      while (true) {
        byte[] next = next();
        target.write(next, 0, next.length);
        target.flush();
        written();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized byte[] next() throws InterruptedException {
    while (waiting.isEmpty()) {
      wait();
    }
    return waiting.element();
  }

  private synchronized void written() {
    waiting.remove();
    if (waiting.isEmpty()) {
      tellLost();
    }
    notifyAll();
  }

  /**
   * Waits until all is written, as the end of a process should.
   *
   * @return whether it is
   */
  synchronized boolean awaitWritten(Duration longest) {
    long end = System.nanoTime() + longest.toNanos();
    try {
      while (!waiting.isEmpty()) {
        long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
        if (left <= 0) {
          return false;
        }
        wait(left);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return waiting.isEmpty();
  }
}
