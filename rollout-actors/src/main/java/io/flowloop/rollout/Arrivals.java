package io.flowloop.rollout;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Connections that have not asked for anything yet: their handshake or first request is under way.
 * One too many ends the oldest. A node asks within milliseconds, so it is hardly ever the oldest;
 * who came to hold a place is.
 */
final class Arrivals {

  private final int most;
  private final Deque<DataSocket> waiting = new ArrayDeque<>();

  Arrivals(int most) {
    this.most = most;
  }

  /** Takes a connection in, and closes the oldest if they are now too many. */
  synchronized void add(DataSocket socket) {
    waiting.add(socket);
    if (waiting.size() > most) {
      waiting.remove().close();
    }
  }

  /** Ends the wait of a connection, because it has asked or is gone. */
  synchronized void remove(DataSocket socket) {
    waiting.remove(socket);
  }
}
