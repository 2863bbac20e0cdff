package io.flowloop.rollout;

import io.flowloop.rollout.DataException.Reason;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves published blobs to whoever pulls them, each connection on a virtual thread. A blob is held
 * until it is released and its last pull has ended.
 *
 * <p>With certificates every peer shows one of the same authority. What is no request closes the
 * connection that it came on, and no other.
 */
public final class DataServer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(DataServer.class);
  private static final int SLICE = 64 << 10;

  /**
   * Where it listens, and its bounds.
   *
   * @param bindHost address it listens on
   * @param port 0 takes a free one
   * @param host what handles name it by
   * @param maxBytes of all blobs held
   * @param maxConnections at a time; one more is closed at once
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

  /** A blob, and who still needs it. Guarded by {@link #blobs}. */
  private static final class Held {
    private final Blob blob;
    private int pulls;
    private boolean released;

    Held(Blob blob) {
      this.blob = blob;
    }
  }

  private final Settings settings;
  private final Optional<NodeCertificates> certificates;
  private final ServerSocket listener;
  private final StallWatch watch;
  private final Semaphore connections;
  private final SecureRandom ids = new SecureRandom();
  private final Map<Long, Held> blobs = new HashMap<>();
  private long bytesHeld;

  private DataServer(
      Settings settings, Optional<NodeCertificates> certificates, ServerSocket listener) {
    this.settings = settings;
    this.certificates = certificates;
    this.listener = listener;
    this.watch = new StallWatch("data-server-watch", settings.idle());
    this.connections = new Semaphore(settings.maxConnections());
  }

  /**
   * A server that listens.
   *
   * @param certificates for mutual TLS; without them anybody who reaches the port may pull
   * @throws RolloutException if the address cannot be listened on
   */
  public static DataServer start(Settings settings, Optional<NodeCertificates> certificates) {
    ServerSocket listener = listen(settings);
    DataServer server = new DataServer(settings, certificates, listener);
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
    synchronized (blobs) {
      if (listener.isClosed()) {
        throw new DataException(Reason.CLOSED, "data server: closed (expected: running)");
      }
      if (blob.length() > settings.maxBytes() - bytesHeld) {
        throw new DataException(
            Reason.TOO_LARGE,
            "blob: %d bytes beside %d held (expected: at most %d in all); raise cluster.blobBytes"
                .formatted(blob.length(), bytesHeld, settings.maxBytes()));
      }
      long id = nextId();
      DataHandle handle = new DataHandle(settings.host(), port(), id, blob.length(), blob.crc32c());
      blobs.put(id, new Held(blob));
      bytesHeld += blob.length();
      return handle;
    }
  }

  /** Random, so that a handle of a server that was here before finds nothing. */
  private long nextId() {
    long id;
    do {
      id = ids.nextLong() & Long.MAX_VALUE;
    } while (id == 0 || blobs.containsKey(id));
    return id;
  }

  /** Ends what a handle stands for: no new pull finds it, those under way end as they would. */
  public void release(DataHandle handle) {
    synchronized (blobs) {
      Held held = blobs.get(handle.id());
      if (held != null) {
        held.released = true;
        forget(handle.id(), held);
      }
    }
  }

  /** Bytes of all blobs that are not yet gone. */
  public long bytesHeld() {
    synchronized (blobs) {
      return bytesHeld;
    }
  }

  /** Connections at this moment. */
  public int connections() {
    return watch.size();
  }

  private Optional<Held> begin(DataProtocol.Request request) throws IOException {
    synchronized (blobs) {
      if (listener.isClosed()) {
        // Not unknown: the peer shall see a node that ended.
        throw new IOException("data server: closed");
      }
      Held held = blobs.get(request.id());
      if (held == null || held.released || held.blob.length() != request.length()) {
        return Optional.empty();
      }
      held.pulls++;
      return Optional.of(held);
    }
  }

  private void end(long id, Held held) {
    synchronized (blobs) {
      held.pulls--;
      forget(id, held);
    }
  }

  private void forget(long id, Held held) {
    if (held.released && held.pulls == 0 && blobs.remove(id, held)) {
      bytesHeld -= held.blob.length();
    }
  }

  private void acceptAll() {
    while (!listener.isClosed()) {
      try {
        admit(listener.accept());
      } catch (IOException e) {
        if (!listener.isClosed()) {
          LOG.warn("data server: {}", e.toString());
        }
      }
    }
  }

  private void admit(Socket plain) {
    DataSocket socket = new DataSocket(plain);
    if (!connections.tryAcquire()) {
      LOG.warn("data server: more than {} connections; one closed", settings.maxConnections());
      socket.close();
      return;
    }
    watch.add(socket);
    var _ = Thread.ofVirtual().name("data-server-connection").start(() -> serve(socket));
  }

  private void serve(DataSocket socket) {
    try (socket) {
      socket.accept(certificates, settings.idle());
      OutputStream out = socket.out();
      for (var request = DataProtocol.readRequest(socket.in());
          request.isPresent();
          request = DataProtocol.readRequest(socket.in())) {
        socket.moved();
        answer(request.get(), socket, out);
      }
    } catch (IOException e) {
      LOG.debug("data server: connection closed: {}", e.toString());
    } finally {
      watch.remove(socket);
      connections.release();
    }
  }

  private void answer(DataProtocol.Request request, DataSocket socket, OutputStream out)
      throws IOException {
    Optional<Held> held = begin(request);
    if (held.isEmpty()) {
      out.write(DataProtocol.encode(new DataProtocol.Response(false, 0)));
      return;
    }
    try {
      long bytes = request.length() - request.offset();
      out.write(DataProtocol.encode(new DataProtocol.Response(true, bytes)));
      send(held.get().blob, request.offset(), socket, out);
    } finally {
      end(request.id(), held.get());
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
    synchronized (blobs) {
      try {
        listener.close();
      } catch (IOException e) {
        LOG.debug("data server: {}", e.toString());
      }
      blobs.clear();
      bytesHeld = 0;
    }
    watch.close();
  }
}
