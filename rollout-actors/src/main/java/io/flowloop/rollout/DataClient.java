package io.flowloop.rollout;

import io.flowloop.rollout.DataException.Reason;
import java.io.IOException;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Pulls blobs from {@link DataServer}s, each pull on a virtual thread. Connections are kept for the
 * next pull for half of the idle time, so that not every pull pays for a handshake.
 */
public final class DataClient implements AutoCloseable {

  /**
   * Its bounds.
   *
   * @param maxLength bytes of the longest blob that is taken
   * @param maxAttempts connections that a pull may break before it fails
   * @param keptConnections to each server, without a pull
   * @param idle after which a connection on which nothing moves is closed
   */
  public record Settings(long maxLength, int maxAttempts, int keptConnections, Duration idle) {

    /**
     * @throws IllegalArgumentException if a bound is impossible
     */
    public Settings {
      if (maxLength < 1 || maxAttempts < 1 || keptConnections < 0 || idle.toMillis() < 1) {
        throw new IllegalArgumentException(
            "data client: %d bytes, %d attempts, %d kept, idle %s (expected: positive; kept: 0 or more)"
                .formatted(maxLength, maxAttempts, keptConnections, idle));
      }
    }
  }

  private record Server(String host, int port) {}

  private final Settings settings;
  private final Optional<NodeCertificates> certificates;
  private final StallWatch watch;
  private final Map<Server, Deque<DataSocket>> kept = new HashMap<>();
  private final Map<DataPull, CompletableFuture<Blob>> pulls = new HashMap<>();
  private boolean closed;

  private DataClient(Settings settings, Optional<NodeCertificates> certificates) {
    this.settings = settings;
    this.certificates = certificates;
    this.watch = new StallWatch("data-client-watch", settings.idle());
  }

  /**
   * A client.
   *
   * @param certificates for mutual TLS, where the servers have it
   */
  public static DataClient create(Settings settings, Optional<NodeCertificates> certificates) {
    return new DataClient(settings, certificates);
  }

  /**
   * The whole blob, its checksum compared. Cancelling closes the connection.
   *
   * @param deadline of everything, from now on
   * @return fails with a {@link DataException}
   */
  public CompletableFuture<Blob> fetch(DataHandle handle, Duration deadline) {
    CompletableFuture<Blob> result = new CompletableFuture<>();
    if (handle.length() > settings.maxLength()) {
      result.completeExceptionally(
          new DataException(
              Reason.TOO_LARGE,
              "blob: %d bytes (expected: at most %d); raise cluster.blobBytes"
                  .formatted(handle.length(), settings.maxLength())));
      return result;
    }
    DataPull pull = new DataPull(this, handle, settings.maxAttempts());
    Runnable undo;
    synchronized (this) {
      if (closed) {
        result.completeExceptionally(closedException());
        return result;
      }
      // Together, so that close() finds every pull that the watch no longer ends.
      undo = watch.after(deadline, () -> expire(pull, result, handle, deadline));
      pulls.put(pull, result);
    }
    var _ =
        result.whenComplete(
            (_, _) -> {
              undo.run();
              pull.end();
              forget(pull);
            });
    try {
      var _ = Thread.ofVirtual().name("data-pull").start(() -> run(pull, result));
    } catch (RuntimeException | Error e) {
      result.completeExceptionally(e);
    }
    return result;
  }

  private static DataException closedException() {
    return new DataException(Reason.CLOSED, "data client: closed (expected: running)");
  }

  private synchronized void forget(DataPull pull) {
    pulls.remove(pull);
  }

  private static void expire(
      DataPull pull, CompletableFuture<Blob> result, DataHandle handle, Duration deadline) {
    result.completeExceptionally(
        new DataException(
            Reason.EXPIRED,
            "blob of %s:%d: %d of %d bytes after %s (expected: all)"
                .formatted(
                    handle.host(), handle.port(), pull.received(), handle.length(), deadline)));
  }

  private static void run(DataPull pull, CompletableFuture<Blob> result) {
    try {
      result.complete(pull.run());
    } catch (RuntimeException | Error e) {
      result.completeExceptionally(e);
    }
  }

  /** A connection that waits for a pull; empty if there is none. */
  synchronized Optional<DataSocket> takeKept(DataHandle handle) {
    Deque<DataSocket> sockets =
        kept.getOrDefault(new Server(handle.host(), handle.port()), new ArrayDeque<>());
    for (DataSocket socket = sockets.poll(); socket != null; socket = sockets.poll()) {
      if (!socket.isStalled(settings.idle().dividedBy(2))) {
        return Optional.of(socket);
      }
      discard(socket);
    }
    return Optional.empty();
  }

  /** A connection not yet made. */
  DataSocket newSocket() {
    DataSocket socket = new DataSocket(new Socket());
    watch.add(socket);
    return socket;
  }

  void connect(DataSocket socket, DataHandle handle) throws IOException {
    socket.connect(handle.host(), handle.port(), certificates, settings.idle());
  }

  /** Gives back a connection whose last response is read to its end. */
  synchronized void keep(DataHandle handle, DataSocket socket) {
    Deque<DataSocket> sockets =
        kept.computeIfAbsent(new Server(handle.host(), handle.port()), _ -> new ArrayDeque<>());
    if (closed || socket.isClosed() || sockets.size() >= settings.keptConnections()) {
      discard(socket);
    } else {
      sockets.push(socket);
    }
  }

  void discard(DataSocket socket) {
    socket.close();
    watch.remove(socket);
  }

  /** Connections at this moment. */
  int connections() {
    return watch.size();
  }

  /** Closes all connections; pulls under way fail. */
  @Override
  public void close() {
    List<CompletableFuture<Blob>> underWay;
    synchronized (this) {
      closed = true;
      kept.clear();
      watch.close();
      underWay = List.copyOf(pulls.values());
    }
    underWay.forEach(result -> result.completeExceptionally(closedException()));
  }
}
