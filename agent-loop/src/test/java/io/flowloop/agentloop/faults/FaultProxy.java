package io.flowloop.agentloop.faults;

import io.flowloop.agentloop.faults.LinkFaults.Way;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A TCP proxy before one address, on the way to which things go wrong. Faults add up, and are
 * switched while it runs.
 *
 * <p>It stands between sockets, so it shows what a network between hosts makes of a fault only as
 * far as sockets can: through a black hole a new connection can be made, but nothing passes it.
 */
final class FaultProxy implements AutoCloseable {

  private final InetSocketAddress address;
  private final InetSocketAddress target;
  private final LinkFaults faults = new LinkFaults();
  private final Set<ProxiedConnection> connections = ConcurrentHashMap.newKeySet();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private ServerSocket listener;
  private CompletableFuture<Void> accepting;

  private FaultProxy(ServerSocket listener, InetSocketAddress target) {
    this.listener = listener;
    this.target = target;
    address = (InetSocketAddress) listener.getLocalSocketAddress();
    accepting = accept(listener);
  }

  /** A proxy on a free port of the loopback address. */
  static FaultProxy to(InetSocketAddress target) {
    return between(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), target);
  }

  /** A proxy that listens on an address of this machine; port 0 is any free one. */
  static FaultProxy between(InetSocketAddress address, InetSocketAddress target) {
    return new FaultProxy(listen(address), target);
  }

  private static ServerSocket listen(InetSocketAddress address) {
    try {
      ServerSocket listener = new ServerSocket();
      listener.bind(address);
      return listener;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot listen on " + address, e);
    }
  }

  /** Where it listens. */
  InetSocketAddress address() {
    return address;
  }

  /** Lets every chunk of at most 16 KiB wait, each way. */
  void delay(Duration delay) {
    faults.delay(delay);
  }

  /** Slows down every connection, each way. */
  void throttle(int bytesPerSecond) {
    faults.throttle(bytesPerSecond);
  }

  /**
   * Lets nothing through, neither way; no connection ends. What was sent meanwhile goes on when
   * healed, as TCP would send it again.
   */
  void blackHole() {
    faults.blackHole(EnumSet.allOf(Way.class));
  }

  /** Lets nothing through this way, and everything the other way. */
  void blackHole(Way way) {
    faults.blackHole(EnumSet.of(way));
  }

  /** Resets all connections and refuses new ones. */
  synchronized void cut() {
    try {
      listener.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    // A socket that a virtual thread reads from is closed by that thread: until then it accepts.
    accepting.join();
    connections.forEach(ProxiedConnection::reset);
  }

  /** Ends all faults. */
  synchronized void heal() {
    faults.heal();
    if (listener.isClosed()) {
      listener = listen(address);
      accepting = accept(listener);
    }
  }

  private CompletableFuture<Void> accept(ServerSocket listener) {
    return CompletableFuture.runAsync(
        () -> {
          while (!listener.isClosed()) {
            try {
              admit(new ProxiedConnection(listener.accept(), faults));
            } catch (IOException e) {
              // Cut, or a client that did not wait.
            }
          }
        },
        threads);
  }

  private void admit(ProxiedConnection connection) {
    connections.add(connection);
    threads.execute(
        () -> {
          connection.carry(target);
          connections.remove(connection);
        });
  }

  /** Resets all connections; returns when no thread is left. */
  @Override
  public void close() {
    cut();
    threads.close();
  }
}
