package io.flowloop.agentloop.faults;

import io.flowloop.agentloop.faults.LinkFaults.Way;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.util.List;

/** A connection through a proxy: two sockets, and a thread for each way between them. */
final class ProxiedConnection {

  private static final int LARGEST_CHUNK = 16 << 10;

  /* What a read may bring beside bytes. */
  private static final int END = -1;
  private static final int RESET = -2;

  private final LinkFaults faults;
  private final Socket client;
  private final Socket target = new Socket();

  ProxiedConnection(Socket client, LinkFaults faults) {
    this.client = client;
    this.faults = faults;
  }

  /** Connects to the target and carries bytes until both sides are done or one is gone. */
  void carry(InetSocketAddress address) {
    try {
      // Both ways, as a handshake would.
      faults.awaitPassage(Way.TO_TARGET, 0, client::isClosed);
      faults.awaitPassage(Way.FROM_TARGET, 0, client::isClosed);
      connect(address);
      Thread back = Thread.ofVirtual().start(() -> pump(target, client, Way.FROM_TARGET));
      pump(client, target, Way.TO_TARGET);
      back.join();
      client.close();
      target.close();
    } catch (IOException | InterruptedException e) {
      reset();
    }
  }

  private void connect(InetSocketAddress address) throws IOException, InterruptedException {
    try {
      target.connect(address);
    } catch (IOException e) {
      // A refusal passes like bytes.
      faults.awaitPassage(Way.FROM_TARGET, 0, client::isClosed);
      throw e;
    }
  }

  private void pump(Socket from, Socket to, Way way) {
    byte[] chunk = new byte[LARGEST_CHUNK];
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      while (true) {
        int count = read(in, chunk);
        // An end passes like bytes: nobody beyond a black hole hears of it.
        faults.awaitPassage(way, Math.max(count, 0), client::isClosed);
        if (count == RESET) {
          reset();
          return;
        }
        if (count == END) {
          to.shutdownOutput();
          return;
        }
        out.write(chunk, 0, count);
      }
    } catch (IOException | InterruptedException e) {
      // Reset, or the receiver is gone. That is for the other way to tell: it may be a black hole.
    }
  }

  private int read(InputStream in, byte[] chunk) {
    try {
      return in.read(chunk, 0, faults.chunk(chunk.length));
    } catch (IOException e) {
      return RESET;
    }
  }

  /** Breaks it off, without a word of farewell. */
  void reset() {
    List<Socket> both = List.of(client, target);
    // Both before either is closed: a pump that ends then closes them too.
    both.forEach(ProxiedConnection::resetWhenClosed);
    both.forEach(ProxiedConnection::close);
    faults.wake();
  }

  private static void resetWhenClosed(Socket socket) {
    try {
      socket.setSoLinger(true, 0);
    } catch (SocketException e) {
      // Closed before.
    }
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
