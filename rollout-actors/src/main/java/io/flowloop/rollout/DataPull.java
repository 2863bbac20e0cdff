package io.flowloop.rollout;

import io.flowloop.rollout.DataException.Reason;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;

/** One pull: it keeps what it has and goes on from there on the next connection. */
final class DataPull {

  private static final long FIRST_PAUSE_MILLIS = 20;

  private final DataClient client;
  private final DataHandle handle;
  private final int maxAttempts;
  private final CountDownLatch ended = new CountDownLatch(1);
  private final List<byte[]> chunks = new ArrayList<>();
  private final CRC32C crc = new CRC32C();
  private volatile long received;
  private volatile Optional<DataSocket> current = Optional.empty();

  DataPull(DataClient client, DataHandle handle, int maxAttempts) {
    this.client = client;
    this.handle = handle;
    this.maxAttempts = maxAttempts;
  }

  long received() {
    return received;
  }

  /** Closes the connection of a pull that nobody waits for any more. */
  void end() {
    ended.countDown();
    current.ifPresent(client::discard);
  }

  /**
   * @throws DataException if the blob is not there, is another, or cannot be had in so many
   *     attempts
   */
  Blob run() {
    IOException last = new IOException("ended");
    int attempt = 0;
    while (attempt < maxAttempts && ended.getCount() > 0) {
      Optional<DataSocket> kept = client.takeKept(handle);
      try {
        return attempt(kept);
      } catch (IOException e) {
        last = e;
        // A kept connection may have ended while nobody looked: that is no attempt.
        if (kept.isEmpty() && ++attempt < maxAttempts) {
          pause(attempt - 1);
        }
      }
    }
    throw new DataException(
        Reason.BROKEN,
        "blob of %s:%d: %d of %d bytes in %d attempts (expected: all): %s; is that node up?"
            .formatted(
                handle.host(), handle.port(), received, handle.length(), attempt, last.toString()),
        last);
  }

  private void pause(int attempt) {
    try {
      boolean _ = ended.await(FIRST_PAUSE_MILLIS << Math.min(attempt, 6), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Blob attempt(Optional<DataSocket> kept) throws IOException {
    DataSocket socket = kept.orElseGet(client::newSocket);
    current = Optional.of(socket);
    boolean whole = false;
    try {
      if (ended.getCount() == 0) {
        throw new IOException("ended");
      }
      if (kept.isEmpty()) {
        client.connect(socket, handle);
      }
      boolean found = request(socket);
      if (found) {
        receive(socket);
      }
      whole = true;
      return found ? checked() : unknown();
    } finally {
      current = Optional.empty();
      if (whole) {
        client.keep(handle, socket);
      } else {
        client.discard(socket);
      }
    }
  }

  private boolean request(DataSocket socket) throws IOException {
    socket.moved();
    socket
        .out()
        .write(
            DataProtocol.encode(new DataProtocol.Request(handle.id(), received, handle.length())));
    DataProtocol.Response response = DataProtocol.readResponse(socket.in());
    boolean found = response.found();
    if (response.bytes() != (found ? handle.length() - received : 0)) {
      throw new IOException("response: %d bytes follow".formatted(response.bytes()));
    }
    return found;
  }

  private void receive(DataSocket socket) throws IOException {
    DataInputStream in = socket.in();
    while (received < handle.length()) {
      int within = (int) (received % Blob.CHUNK);
      if (within == 0 && chunks.size() == received / Blob.CHUNK) {
        chunks.add(new byte[(int) Math.min(Blob.CHUNK, handle.length() - received)]);
      }
      byte[] chunk = chunks.getLast();
      int count = in.read(chunk, within, chunk.length - within);
      if (count < 0) {
        throw new EOFException("connection closed by the server");
      }
      crc.update(chunk, within, count);
      long now = received + count;
      received = now;
      socket.moved();
    }
  }

  private Blob checked() {
    if (crc.getValue() != handle.crc32c()) {
      throw new DataException(
          Reason.MALFORMED,
          "blob of %s:%d: checksum %08x (expected: %08x, the handle's)"
              .formatted(handle.host(), handle.port(), crc.getValue(), handle.crc32c()));
    }
    return Blob.received(chunks, handle.length(), handle.crc32c());
  }

  private Blob unknown() {
    throw new DataException(
        Reason.UNKNOWN,
        "blob of %s:%d: unknown there (expected: published, not yet released)"
            .formatted(handle.host(), handle.port()));
  }
}
