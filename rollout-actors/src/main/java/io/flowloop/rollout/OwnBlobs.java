package io.flowloop.rollout;

import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.function.Supplier;

/**
 * The blobs that one actor has published. What it has not released is released when it ends, those
 * still being encoded among them.
 *
 * <p>Thread-safe.
 */
final class OwnBlobs implements AutoCloseable {

  private static final Executor CODEC =
      Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("blobs").factory());

  private final DataServer server;
  private final Set<DataHandle> held = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  OwnBlobs(DataServer server) {
    this.server = server;
  }

  /**
   * Encodes off the actors' threads, as a blob may be a hundred megabytes, and publishes.
   *
   * @return fails with what the encoding throws, or with a {@link DataException} if the server
   *     cannot hold the blob
   */
  CompletableFuture<DataHandle> publish(Supplier<Blob> encoding) {
    return CompletableFuture.supplyAsync(
        () -> {
          DataHandle handle = server.publish(encoding.get());
          held.add(handle);
          if (closed) {
            release(handle);
          }
          return handle;
        },
        CODEC);
  }

  void release(DataHandle handle) {
    held.remove(handle);
    server.release(handle);
  }

  @Override
  public void close() {
    closed = true;
    held.forEach(this::release);
  }
}
