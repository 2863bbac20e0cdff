package io.flowloop.agentloop.cli;

import java.time.Duration;

/** Sizes and times as people read them. */
final class Units {

  private static final double NANOS_PER_SECOND = 1e9;
  private static final long KIB = 1024;
  private static final long MIB = KIB * KIB;
  private static final long GIB = MIB * KIB;

  private Units() {}

  /** {@code 12.0 KiB}. */
  static String bytes(long bytes) {
    if (bytes < KIB) {
      return bytes + " B";
    }
    if (bytes < MIB) {
      return "%.1f KiB".formatted((double) bytes / KIB);
    }
    return bytes < GIB
        ? "%.1f MiB".formatted((double) bytes / MIB)
        : "%.1f GiB".formatted((double) bytes / GIB);
  }

  static double seconds(Duration duration) {
    return duration.toNanos() / NANOS_PER_SECOND;
  }

  static double millis(Duration duration) {
    return duration.toNanos() / 1e6;
  }

  /** {@code 12 s}, {@code 3 min 5 s} or {@code 2 h 14 min}. */
  static String clock(double seconds) {
    Duration time = Duration.ofSeconds(Math.round(seconds));
    if (time.toMinutes() == 0) {
      return time.toSeconds() + " s";
    }
    return time.toHours() == 0
        ? "%d min %d s".formatted(time.toMinutes(), time.toSecondsPart())
        : "%d h %d min".formatted(time.toHours(), time.toMinutesPart());
  }
}
