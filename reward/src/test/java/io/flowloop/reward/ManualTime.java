package io.flowloop.reward;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;

/** Time that passes when it is told to, and when somebody sleeps, which takes none. */
final class ManualTime implements Time {

  private final AtomicReference<Instant> now =
      new AtomicReference<>(Instant.parse("2026-01-01T00:00:00Z"));
  private final List<Duration> slept = new CopyOnWriteArrayList<>();

  @Override
  public Clock clock() {
    InstantSource source = now::get;
    return source.withZone(ZoneOffset.UTC);
  }

  @Override
  public void sleep(Duration pause) {
    slept.add(pause);
    pass(pause);
  }

  void pass(Duration time) {
    now.updateAndGet(instant -> instant.plus(time));
  }

  /** All sleeps so far. */
  List<Duration> slept() {
    return slept;
  }
}
