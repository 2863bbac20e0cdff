package io.flowloop.rollout;

import java.io.Closeable;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.Optional;
import javax.net.ssl.SSLSocket;

/**
 * One connection of the side channel. Closing it closes the plain socket under TLS, which waits for
 * nobody: not for the peer, nor for a writer that the peer lets wait.
 */
final class DataSocket implements Closeable {

  private final Socket plain;
  private volatile Socket socket;
  private volatile long progress = System.nanoTime();
  private volatile Optional<Long> end = Optional.empty();

  DataSocket(Socket plain) {
    this.plain = plain;
    this.socket = plain;
  }

  /** Shakes hands as the server. */
  void accept(Optional<NodeCertificates> certificates, Duration idle) throws IOException {
    prepare(idle);
    if (certificates.isPresent()) {
      handshake(certificates.get().serverSocket(plain));
    }
  }

  /** Connects and shakes hands as the client, which wants the host's name in the certificate. */
  void connect(String host, int port, Optional<NodeCertificates> certificates, Duration idle)
      throws IOException {
    plain.connect(new InetSocketAddress(host, port), Math.toIntExact(idle.toMillis()));
    prepare(idle);
    if (certificates.isPresent()) {
      handshake(certificates.get().clientSocket(plain, host, port));
    }
  }

  private void prepare(Duration idle) throws IOException {
    plain.setTcpNoDelay(true);
    plain.setSoTimeout(Math.toIntExact(idle.toMillis()));
  }

  private void handshake(SSLSocket secure) throws IOException {
    secure.startHandshake();
    socket = secure;
    moved();
  }

  DataInputStream in() throws IOException {
    return new DataInputStream(socket.getInputStream());
  }

  OutputStream out() throws IOException {
    return socket.getOutputStream();
  }

  /** Notes that the peer is alive: something went over. */
  void moved() {
    progress = System.nanoTime();
  }

  boolean isStalled(Duration idle) {
    return System.nanoTime() - progress > idle.toNanos();
  }

  /** Bounds what follows, however much of it moves. */
  void endAfter(Duration time) {
    end = Optional.of(System.nanoTime() + time.toNanos());
  }

  void endNever() {
    end = Optional.empty();
  }

  /** Whether the time that it was given has passed. */
  boolean isOver() {
    return end.map(at -> System.nanoTime() - at > 0).orElse(false);
  }

  boolean isClosed() {
    return plain.isClosed();
  }

  @Override
  public void close() {
    try {
      plain.close();
    } catch (IOException e) {
      // Nothing is left to be done with it.
    }
  }
}
