package io.flowloop.rollout;

import io.flowloop.engine.PolicyWeights;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;

/**
 * Weights that engines of other nodes are to pull, each published once for all who are told of it
 * and held until the last of them has it.
 *
 * <p>Thread-safe.
 */
final class WeightsShelf {

  /** Weights are told from one another as on the engines. */
  private record Key(long version, long checksum) {

    static Key of(PolicyWeights weights) {
      return new Key(weights.version(), weights.checksum());
    }
  }

  private static final class Entry {
    private final CompletableFuture<DataHandle> handle;
    private int users;

    Entry(CompletableFuture<DataHandle> handle) {
      this.handle = handle;
    }
  }

  private final DataServer server;
  private final Map<Key, Entry> entries = new HashMap<>();

  WeightsShelf(DataServer server) {
    this.server = server;
  }

  /**
   * Where the weights are to be had, once they are published; each call wants its {@link #release}.
   *
   * @return fails with a {@link DataException} if the server cannot hold them
   */
  synchronized CompletableFuture<DataHandle> lay(PolicyWeights weights) {
    Entry entry = entries.computeIfAbsent(Key.of(weights), _ -> new Entry(publish(weights)));
    entry.users++;
    return entry.handle;
  }

  /** A gigabyte takes most of a second to encode, which is no actor's time. */
  private CompletableFuture<DataHandle> publish(PolicyWeights weights) {
    return CompletableFuture.supplyAsync(
        () -> server.publish(WeightsBlob.encode(weights)),
        Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("weights-shelf").factory()));
  }

  /** One who was told of the weights needs them no more. */
  synchronized void release(PolicyWeights weights) {
    Entry entry = entries.get(Key.of(weights));
    if (entry != null && --entry.users == 0) {
      entries.remove(Key.of(weights));
      var _ = entry.handle.thenAccept(server::release);
    }
  }
}
