package io.flowloop.rollout;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves published blobs to whoever pulls them, each connection on a virtual thread. A blob is held
 * until it is released and its last pull has ended.
 *
 * <p>With certificates every peer shows one of the same authority. What is no request closes the
 * connection that it came on, and no other. Only who has asked counts as a connection; before that
 * it is one of the {@link Arrivals}.
 */
public final class DataServer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(DataServer.class);
  private static final int SLICE = 64 << 10;
  private static final long PAUSE_MILLIS = 100;

  /**
   * Where it listens, and its bounds.
   *
   * @param bindHost address it listens on
   * @param port 0 takes a free one
   * @param host what handles name it by
   * @param maxBytes of all blobs held
   * @param maxConnections at a time; one more is closed when it asks
   * @param idle after which a connection on which nothing moves is closed
   */
  public record Settings(
      String bindHost, int port, String host, long maxBytes, int maxConnections, Duration idle) {

    /**
     * @throws IllegalArgumentException if a bound is impossible
     */
    public Settings {
      if (maxBytes < 1 || maxConnections < 1 || idle.toMillis() < 1) {
        throw new IllegalArgumentException(
            "data server: %d bytes, %d connections, idle %s (expected: all positive)"
                .formatted(maxBytes, maxConnections, idle));
      }
    }
  }

  /**
   * What strangers and slow readers may cost.
   *
   * @param arrival time for the handshake and the first request together, if idle is not shorter
   * @param spareArrivals that may be under way beside as many as there may be connections
   * @param slowest bytes a second of a response on average, once the idle time is over
   * @param threads run one connection each
   */
  record Guards(Duration arrival, int spareArrivals, long slowest, Executor threads) {

    static final Guards DEFAULT =
        new Guards(
            Duration.ofSeconds(5),
            64,
            1 << 20,
            task -> Thread.ofVirtual().name("data-server-connection").start(task));

    /** How long a response may take. */
    Duration response(long bytes, Duration idle) {
      return idle.plusMillis(TimeUnit.SECONDS.toMillis(bytes) / slowest);
    }
  }

  private final Settings settings;
  private final Optional<NodeCertificates> certificates;
  private final Guards guards;
  private final ServerSocket listener;
  private final StallWatch watch;
  private final Arrivals arrivals;
  private final Semaphore connections;
  private final BlobShelf blobs;
  private final CountDownLatch closed = new CountDownLatch(1);

  private DataServer(
      Settings settings,
      Optional<NodeCertificates> certificates,
      Guards guards,
      ServerSocket listener) {
    this.settings = settings;
    this.certificates = certificates;
    this.guards = guards;
    this.listener = listener;
    this.watch = new StallWatch("data-server-watch", settings.idle());
    this.arrivals = new Arrivals(settings.maxConnections() + guards.spareArrivals());
    this.connections = new Semaphore(settings.maxConnections());
    this.blobs = new BlobShelf(settings.maxBytes());
  }

  /**
   * A server that listens.
   *
   * @param certificates for mutual TLS; without them anybody who reaches the port may pull
   * @throws RolloutException if the address cannot be listened on
   */
  public static DataServer start(Settings settings, Optional<NodeCertificates> certificates) {
    return start(settings, certificates, Guards.DEFAULT);
  }

  /** As {@link #start(Settings, Optional)} with other guards. */
  static DataServer start(
      Settings settings, Optional<NodeCertificates> certificates, Guards guards) {
    DataServer server = new DataServer(settings, certificates, guards, listen(settings));
    var _ = Thread.ofPlatform().daemon().name("data-server").start(server::acceptAll);
    return server;
  }

  private static ServerSocket listen(Settings settings) {
    try {
      ServerSocket listener = new ServerSocket();
      try {
        listener.bind(
            new InetSocketAddress(InetAddress.getByName(settings.bindHost()), settings.port()));
        return listener;
      } catch (IOException e) {
        listener.close();
        throw e;
      }
    } catch (IOException e) {
      throw new RolloutException(
          "data server on %s:%d (expected: an address of this machine and a free port)"
              .formatted(settings.bindHost(), settings.port()),
          e);
    }
  }

  public int port() {
    return listener.getLocalPort();
  }

  /**
   * Holds a blob until it is released.
   *
   * @throws DataException (too large) if that is more than the server may hold, (closed)
   */
  public DataHandle publish(Blob blob) {
    return new DataHandle(settings.host(), port(), blobs.add(blob), blob.length(), blob.crc32c());
  }

  /** Ends what a handle stands for: no new pull finds it, those under way end as they would. */
  public void release(DataHandle handle) {
    blobs.release(handle.id());
  }

  /** Bytes of all blobs that are not yet gone. */
  public long bytesHeld() {
    return blobs.bytesHeld();
  }

  /** Connections at this moment, those that have not asked for anything among them. */
  public int connections() {
    return watch.size();
  }

  /** Only {@link #close} ends it: a node that no longer accepts would look alive. */
  private void acceptAll() {
    while (!listener.isClosed()) {
      try {
        admit(listener.accept());
      } catch (IOException | RuntimeException | Error e) {
        // No memory, no thread, no file handle: it may be there again in a while.
        if (!isClosedAfterAWhile()) {
          LOG.warn("data server: a connection is lost: {}", e.toString());
        }
      }
    }
  }

  private boolean isClosedAfterAWhile() {
    try {
      return closed.await(PAUSE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      // Nobody does; the loop has its own end.
      return listener.isClosed();
    }
  }

  private void admit(Socket plain) {
    DataSocket socket = new DataSocket(plain);
    socket.endAfter(
        guards.arrival().compareTo(settings.idle()) < 0 ? guards.arrival() : settings.idle());
    watch.add(socket);
    arrivals.add(socket);
    try {
      guards.threads().execute(() -> serve(socket));
    } catch (RuntimeException | Error e) {
      leave(socket);
      throw e;
    }
  }

  private void leave(DataSocket socket) {
    socket.close();
    arrivals.remove(socket);
    watch.remove(socket);
  }

  private void serve(DataSocket socket) {
    try {
      socket.accept(certificates, settings.idle());
      Optional<DataProtocol.Request> first = DataProtocol.readRequest(socket.in());
      if (first.isPresent()) {
        arrivals.remove(socket);
        serve(first.get(), socket);
      }
    } catch (IOException e) {
      LOG.debug("data server: connection closed: {}", e.toString());
    } catch (RuntimeException | Error e) {
      LOG.warn("data server: connection closed: {}", e.toString());
    } finally {
      leave(socket);
    }
  }

  private void serve(DataProtocol.Request first, DataSocket socket) throws IOException {
    if (!connections.tryAcquire()) {
      LOG.warn("data server: more than {} connections; one closed", settings.maxConnections());
      return;
    }
    try {
      OutputStream out = socket.out();
      for (var request = Optional.of(first);
          request.isPresent();
          request = DataProtocol.readRequest(socket.in())) {
        socket.moved();
        answer(request.get(), socket, out);
        socket.endNever();
      }
    } finally {
      connections.release();
    }
  }

  private void answer(DataProtocol.Request request, DataSocket socket, OutputStream out)
      throws IOException {
    Optional<Blob> blob = blobs.begin(request.id(), request.length());
    if (blob.isEmpty()) {
      if (blobs.isClosed()) {
        // Not unknown: the peer shall see a node that ended.
        throw new IOException("data server: closed");
      }
      out.write(DataProtocol.encode(new DataProtocol.Response(false, 0)));
      return;
    }
    try {
      long bytes = request.length() - request.offset();
      socket.endAfter(guards.response(bytes, settings.idle()));
      out.write(DataProtocol.encode(new DataProtocol.Response(true, bytes)));
      send(blob.get(), request.offset(), socket, out);
    } finally {
      blobs.end(request.id());
    }
  }

  private static void send(Blob blob, long offset, DataSocket socket, OutputStream out)
      throws IOException {
    long position = offset;
    while (position < blob.length()) {
      int within = (int) (position % Blob.CHUNK);
      int count = (int) Math.min(Math.min(SLICE, Blob.CHUNK - within), blob.length() - position);
      out.write(blob.chunk(Math.toIntExact(position / Blob.CHUNK)), within, count);
      socket.moved();
      position += count;
    }
  }

  /** Closes port and connections and forgets all blobs. */
  @Override
  public void close() {
    blobs.close();
    try {
      listener.close();
    } catch (IOException e) {
      LOG.debug("data server: {}", e.toString());
    }
    closed.countDown();
    watch.close();
  }
}
