package io.flowloop.reward;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;

/** The time that passes while a server is waited for; a test lets it pass by hand. */
interface Time {

  /** Tells it. */
  Clock clock();

  /** Lets it pass. */
  void sleep(Duration pause) throws InterruptedException;

  /** The machine's, at a pace that setting the machine's clock does not change. */
  static Time steady() {
    Instant start = Instant.now();
    long ticks = System.nanoTime();
    InstantSource source = () -> start.plusNanos(System.nanoTime() - ticks);
    Clock clock = source.withZone(ZoneOffset.UTC);
    return new Time() {
      @Override
      public Clock clock() {
        return clock;
      }

      @Override
      public void sleep(Duration pause) throws InterruptedException {
        Thread.sleep(pause);
      }
    };
  }
}
