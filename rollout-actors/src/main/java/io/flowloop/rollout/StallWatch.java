package io.flowloop.rollout;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Closes connections on which nothing has moved for too long, or whose time is over. A socket's own
 * timeout bounds reads, not the writes that a peer who reads nothing lets wait.
 */
final class StallWatch implements AutoCloseable {

  private static final int CHECKS_PER_IDLE = 4;
  private static final long LONGEST_PERIOD_MILLIS = 500;

  private final Duration idle;
  private final Set<DataSocket> sockets = ConcurrentHashMap.newKeySet();
  private final ScheduledThreadPoolExecutor timer;

  StallWatch(String name, Duration idle) {
    this.idle = idle;
    this.timer =
        new ScheduledThreadPoolExecutor(1, Thread.ofPlatform().daemon().name(name).factory());
    timer.setRemoveOnCancelPolicy(true);
    long period = Math.clamp(idle.toMillis() / CHECKS_PER_IDLE, 1, LONGEST_PERIOD_MILLIS);
    var _ = timer.scheduleWithFixedDelay(this::check, period, period, TimeUnit.MILLISECONDS);
  }

  /** Watches a connection, or closes it if the watch is closed. */
  void add(DataSocket socket) {
    sockets.add(socket);
    if (timer.isShutdown()) {
      socket.close();
    }
  }

  void remove(DataSocket socket) {
    sockets.remove(socket);
  }

  int size() {
    return sockets.size();
  }

  /** Runs something later, unless the watch is closed before. */
  Runnable after(Duration delay, Runnable task) {
    var scheduled = timer.schedule(task, delay.toNanos(), TimeUnit.NANOSECONDS);
    return () -> scheduled.cancel(false);
  }

  private void check() {
    sockets.stream()
        .filter(socket -> socket.isStalled(idle) || socket.isOver())
        .forEach(DataSocket::close);
  }

  @Override
  public void close() {
    timer.shutdownNow();
    sockets.forEach(DataSocket::close);
  }
}
