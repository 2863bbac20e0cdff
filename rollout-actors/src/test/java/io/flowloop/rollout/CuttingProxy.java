package io.flowloop.rollout;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.atomic.AtomicLong;

/** A way to a server of this machine that cuts its first connections after some bytes. */
final class CuttingProxy implements AutoCloseable {

  static final int BUFFER = 8192;

  private final ServerSocket listener;
  private final AtomicLong moved = new AtomicLong();

  CuttingProxy(int serverPort, long bytesBeforeCut, int cuts) throws IOException {
    listener = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
    var _ = Thread.ofVirtual().start(() -> run(serverPort, bytesBeforeCut, cuts));
  }

  int port() {
    return listener.getLocalPort();
  }

  /** Bytes that went on from the server. */
  long moved() {
    return moved.get();
  }

  private void run(int serverPort, long bytesBeforeCut, int cuts) {
    for (int connection = 0; !listener.isClosed(); connection++) {
      try (Socket near = listener.accept();
          Socket far = new Socket(InetAddress.getLoopbackAddress(), serverPort)) {
        var _ = Thread.ofVirtual().start(() -> pass(near, far));
        back(far, near, connection < cuts ? bytesBeforeCut : Long.MAX_VALUE);
      } catch (IOException e) {
        // Cut, or closed: the next one.
      }
    }
  }

  private static void pass(Socket from, Socket to) {
    try {
      from.getInputStream().transferTo(to.getOutputStream());
    } catch (IOException e) {
      // The other direction closes both.
    }
  }

  private void back(Socket from, Socket to, long most) throws IOException {
    InputStream in = from.getInputStream();
    byte[] buffer = new byte[BUFFER];
    long left = most;
    while (left > 0) {
      int count = in.read(buffer, 0, (int) Math.min(BUFFER, left));
      if (count < 0) {
        return;
      }
      to.getOutputStream().write(buffer, 0, count);
      moved.addAndGet(count);
      left -= count;
    }
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
