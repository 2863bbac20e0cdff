package io.flowloop.rollout;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A data server of one blob that answers one request a connection: with a mutated response, or
 * sometimes with the right one, so that pulls that were led astray are not all broken off.
 */
final class LyingServer implements AutoCloseable {

  private static final int SEALED = DataProtocol.RESPONSE_BYTES - Integer.BYTES;

  private final byte[] blob;
  private final Random random;
  private final ServerSocket listener;
  private final AtomicInteger lies = new AtomicInteger();

  LyingServer(byte[] blob, Random random) throws IOException {
    this.blob = blob;
    this.random = random;
    this.listener = new ServerSocket(0, 500, InetAddress.getLoopbackAddress());
    var _ = Thread.ofVirtual().start(this::run);
  }

  int port() {
    return listener.getLocalPort();
  }

  /** Mutated responses. */
  int lies() {
    return lies.get();
  }

  private void run() {
    while (!listener.isClosed()) {
      try {
        Socket socket = listener.accept();
        var _ = Thread.ofVirtual().start(() -> answer(socket));
      } catch (IOException e) {
        // Closed.
      }
    }
  }

  private void answer(Socket socket) {
    try (socket) {
      Optional<DataProtocol.Request> request =
          DataProtocol.readRequest(new DataInputStream(socket.getInputStream()));
      if (request.isPresent()) {
        socket.getOutputStream().write(response((int) request.get().offset()));
      }
    } catch (IOException e) {
      // The client has seen enough.
    }
  }

  private synchronized byte[] response(int offset) {
    byte[] header = DataProtocol.encode(new DataProtocol.Response(true, blob.length - offset));
    byte[] right = joined(header, offset);
    if (random.nextInt(4) == 0) {
      return right;
    }
    lies.incrementAndGet();
    // Half of them in the header, which is hardly met otherwise.
    byte[] mutated =
        random.nextBoolean()
            ? joined(Mutation.of(header, random), offset)
            : Mutation.of(right, random);
    return random.nextBoolean() ? mutated : Mutation.resealed(mutated, SEALED);
  }

  private byte[] joined(byte[] header, int offset) {
    int bytes = blob.length - offset;
    return ByteBuffer.allocate(header.length + bytes).put(header).put(blob, offset, bytes).array();
  }

  @Override
  public void close() {
    try {
      listener.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
