package io.flowloop.rollout;

import io.flowloop.rollout.DataException.Reason;
import java.security.SecureRandom;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The blobs that a server holds, each until it is released and its last pull has ended, in a budget
 * of bytes.
 */
final class BlobShelf {

  /** A blob, and who still needs it. Guarded by the shelf. */
  private static final class Held {
    private final Blob blob;
    private int pulls;
    private boolean released;

    Held(Blob blob) {
      this.blob = blob;
    }
  }

  private final long maxBytes;
  private final SecureRandom ids = new SecureRandom();
  private final Map<Long, Held> blobs = new HashMap<>();
  private long bytesHeld;
  private boolean closed;

  BlobShelf(long maxBytes) {
    this.maxBytes = maxBytes;
  }

  /**
   * Holds a blob until it is released.
   *
   * @return its id
   * @throws DataException (too large) if that is more than may be held, (closed)
   */
  synchronized long add(Blob blob) {
    if (closed) {
      throw new DataException(Reason.CLOSED, "data server: closed (expected: running)");
    }
    if (blob.length() > maxBytes - bytesHeld) {
      throw new DataException(
          Reason.TOO_LARGE,
          "blob: %d bytes beside %d held (expected: at most %d in all); raise cluster.blobBytes"
              .formatted(blob.length(), bytesHeld, maxBytes));
    }
    long id = nextId();
    blobs.put(id, new Held(blob));
    bytesHeld += blob.length();
    return id;
  }

  /** Random, so that a handle of a server that was here before finds nothing. */
  private long nextId() {
    long id;
    do {
      id = ids.nextLong() & Long.MAX_VALUE;
    } while (id == 0 || blobs.containsKey(id));
    return id;
  }

  synchronized void release(long id) {
    Held held = blobs.get(id);
    if (held != null) {
      held.released = true;
      forget(id, held);
    }
  }

  /** A blob for one pull, which must {@link #end}; empty if there is none of that length. */
  synchronized Optional<Blob> begin(long id, long length) {
    Held held = blobs.get(id);
    if (held == null || held.released || held.blob.length() != length) {
      return Optional.empty();
    }
    held.pulls++;
    return Optional.of(held.blob);
  }

  synchronized void end(long id) {
    Held held = blobs.get(id);
    if (held != null) {
      held.pulls--;
      forget(id, held);
    }
  }

  private void forget(long id, Held held) {
    if (held.released && held.pulls == 0) {
      blobs.remove(id);
      bytesHeld -= held.blob.length();
    }
  }

  /** Bytes of all blobs that are not yet gone. */
  synchronized long bytesHeld() {
    return bytesHeld;
  }

  synchronized boolean isClosed() {
    return closed;
  }

  /** Forgets all blobs and takes no more. */
  synchronized void close() {
    closed = true;
    blobs.clear();
    bytesHeld = 0;
  }
}
