package io.flowloop.agentloop.faults;

import java.net.SocketException;
import java.time.Duration;
import java.util.Collection;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** What is wrong with a link at the moment. Chunks wait here until they may pass. */
final class LinkFaults {

  /** A direction of the connections through a proxy. */
  enum Way {
    TO_TARGET,
    FROM_TARGET
  }

  /** A slow link carries this many chunks a second, so that bytes trickle. */
  private static final int CHUNKS_PER_SECOND = 10;

  private final Set<Way> holes = EnumSet.noneOf(Way.class);
  private long delayNanos;
  private double bytesPerSecond = Double.POSITIVE_INFINITY;

  synchronized void delay(Duration delay) {
    delayNanos = delay.toNanos();
    notifyAll();
  }

  synchronized void throttle(double bytesPerSecond) {
    this.bytesPerSecond = bytesPerSecond;
    notifyAll();
  }

  synchronized void blackHole(Collection<Way> ways) {
    holes.clear();
    holes.addAll(ways);
    notifyAll();
  }

  synchronized void heal() {
    holes.clear();
    delayNanos = 0;
    bytesPerSecond = Double.POSITIVE_INFINITY;
    notifyAll();
  }

  /** Lets those that wait see whether they are gone. */
  synchronized void wake() {
    notifyAll();
  }

  /** The bytes of a chunk, at most {@code most}. */
  synchronized int chunk(int most) {
    return (int) Math.clamp(bytesPerSecond / CHUNKS_PER_SECOND, 1, most);
  }

  /**
   * Returns when a chunk that arrives now may pass.
   *
   * @throws SocketException if its connection is gone
   */
  synchronized void awaitPassage(Way way, int bytes, BooleanSupplier gone)
      throws SocketException, InterruptedException {
    long arrived = System.nanoTime();
    while (!gone.getAsBoolean()) {
      long left = holes.contains(way) ? Long.MAX_VALUE : due(arrived, bytes) - System.nanoTime();
      if (left <= 0) {
        return;
      }
      TimeUnit.NANOSECONDS.timedWait(this, left);
    }
    throw new SocketException("reset on the way");
  }

  private long due(long arrived, int bytes) {
    return arrived + delayNanos + (long) (bytes * 1e9 / bytesPerSecond);
  }
}
