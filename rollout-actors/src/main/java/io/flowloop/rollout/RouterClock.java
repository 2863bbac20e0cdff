package io.flowloop.rollout;

import java.time.Duration;

/**
 * The router's time: that in which the router itself was running. A process that was paused finds
 * everything in it late at once, so no more than a tick counts for the time between two of them.
 */
final class RouterClock {

  /** From one look at what is late to the next. */
  static final Duration TICK = Duration.ofMillis(100);

  private long ticks;
  private long lastTick = System.nanoTime();

  void tick() {
    ticks++;
    lastTick = System.nanoTime();
  }

  /** Nanoseconds since the router was made; never goes back. */
  long now() {
    long sinceTick = System.nanoTime() - lastTick;
    return ticks * TICK.toNanos() + Math.clamp(sinceTick, 0, TICK.toNanos());
  }
}
