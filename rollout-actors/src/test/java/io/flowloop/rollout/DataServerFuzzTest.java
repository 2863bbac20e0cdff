package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Mutated requests and handshakes, requests also with their checksum made right again. A good
 * peer's one connection must live through them.
 */
class DataServerFuzzTest {

  private static final String HOST = TestCertificates.HOST;
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final int CHECKED_EACH = 100;
  private static final byte[] BYTES = DataChannelTest.random(500);
  private static final byte[] NOTHING = {};

  private final AtomicInteger connections = new AtomicInteger();
  private Optional<NodeCertificates> certificates = Optional.empty();
  private DataServer server = server();
  private DataHandle handle = server.publish(Blob.copyOf(BYTES));

  private DataServer server() {
    return DataServer.start(
        new DataServer.Settings(HOST, 0, HOST, 1 << 20, 16, LONG),
        certificates,
        new DataServer.Guards(
            LONG,
            64,
            1,
            task -> {
              connections.incrementAndGet();
              Thread.ofVirtual().start(task);
            }));
  }

  private void secure() {
    server.close();
    certificates = Optional.of(NodeCertificates.load(TestCertificates.node(), HOST));
    server = server();
    handle = server.publish(Blob.copyOf(BYTES));
  }

  @AfterEach
  void close() {
    server.close();
  }

  @Test
  void serve_mutatedRequests_getWhatTheirBytesAskFor() throws Exception {
    requests(3_000, 1);
  }

  @Tag("faults")
  @Test
  void serve_aMillionMutatedRequests_getWhatTheirBytesAskFor() throws Exception {
    requests(1_000_000, 2);
  }

  @Test
  void serve_mutatedRequestsOverTls_getWhatTheirBytesAskFor() throws Exception {
    secure();
    requests(100, 3);
  }

  @Tag("faults")
  @Test
  void serve_manyMutatedRequestsOverTls_getWhatTheirBytesAskFor() throws Exception {
    secure();
    requests(20_000, 4);
  }

  private void requests(int count, long seed) throws Exception {
    byte[] right = DataProtocol.encode(new DataProtocol.Request(handle.id(), 0, handle.length()));
    Random random = new Random(seed);
    int answered = 0;
    try (Socket good = connected()) {
      for (int i = 0; i < count; i++) {
        byte[] mutated = Mutation.of(right, random);
        byte[] request =
            random.nextBoolean() ? mutated : Mutation.resealed(mutated, right.length - 4);
        byte[] response = response(request);
        assertThat(response).as("request %d", i).isEqualTo(expected(request));
        answered += response.length > 0 ? 1 : 0;
        if (i % CHECKED_EACH == 0) {
          assertServed(good, right);
        }
      }
      assertServed(good, right);
      assertThat(answered).isBetween(count / 20, count - count / 20);
      assertThat(connections).hasValue(1 + count);
      DataChannelTest.await(() -> server.connections() == 1);
    }
  }

  private void assertServed(Socket good, byte[] request) throws IOException {
    good.getOutputStream().write(request);
    byte[] expected = expected(request);
    assertThat(good.getInputStream().readNBytes(expected.length)).isEqualTo(expected);
  }

  private Socket connected() throws IOException {
    Socket plain = new Socket(InetAddress.getLoopbackAddress(), server.port());
    if (certificates.isEmpty()) {
      return plain;
    }
    SSLSocket secure = certificates.get().clientSocket(plain, HOST, server.port());
    secure.startHandshake();
    return secure;
  }

  private byte[] response(byte[] request) throws IOException {
    try (Socket socket = connected()) {
      return exchange(socket, request);
    }
  }

  /** All that comes back. */
  private static byte[] exchange(Socket socket, byte[] request) {
    try {
      // A connection that waits after its end keeps its port: a million would take all of them.
      socket.setSoLinger(true, 0);
      socket.getOutputStream().write(request);
      socket.shutdownOutput();
      return socket.getInputStream().readAllBytes();
    } catch (IOException e) {
      // Reset, as its rest was not read.
      return NOTHING;
    }
  }

  /** What must come back, by an account of the protocol that is not the server's. */
  private byte[] expected(byte[] request) {
    ByteBuffer fields = ByteBuffer.wrap(request);
    if (request.length < 36
        || fields.getInt(32) != Mutation.crc32c(request, 32)
        || fields.getInt() != 0x464C5251
        || fields.getInt() != 1) {
      return NOTHING;
    }
    long id = fields.getLong();
    long offset = fields.getLong();
    long length = fields.getLong();
    if (id < 1 || offset < 0 || offset >= length) {
      return NOTHING;
    }
    boolean found = id == handle.id() && length == BYTES.length;
    int bytes = found ? (int) (length - offset) : 0;
    ByteBuffer response = ByteBuffer.allocate(20 + bytes);
    response.putInt(0x464C5253).putInt(found ? 1 : 0).putLong(bytes);
    response.putInt(Mutation.crc32c(response.array(), 16));
    return response.put(BYTES, BYTES.length - bytes, bytes).array();
  }

  @Test
  void accept_mutatedHandshakes_disturbNobody() throws Exception {
    handshakes(300, 5);
  }

  @Tag("faults")
  @Test
  void accept_manyMutatedHandshakes_disturbNobody() throws Exception {
    handshakes(100_000, 6);
  }

  private void handshakes(int count, long seed) throws Exception {
    secure();
    byte[] right = DataProtocol.encode(new DataProtocol.Request(handle.id(), 0, handle.length()));
    byte[] hello = hello(certificates.orElseThrow());
    Random random = new Random(seed);
    try (Socket good = connected()) {
      for (int i = 0; i < count; i++) {
        if (i % CHECKED_EACH == 0) {
          assertServed(good, right);
        }
        try (Socket stranger = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
          var _ = exchange(stranger, Mutation.of(hello, random));
        }
      }
      assertServed(good, right);
      DataChannelTest.await(() -> server.connections() == 1);
    }
  }

  /** The first that a client says. */
  private static byte[] hello(NodeCertificates certificates) throws Exception {
    try (ServerSocket listener = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
        Socket near = new Socket(InetAddress.getLoopbackAddress(), listener.getLocalPort());
        Socket far = listener.accept()) {
      CompletableFuture<byte[]> hello = new CompletableFuture<>();
      var _ =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try (far) {
                      byte[] head = far.getInputStream().readNBytes(5);
                      int rest = ByteBuffer.wrap(head).getShort(3);
                      byte[] body = far.getInputStream().readNBytes(rest);
                      hello.complete(ByteBuffer.allocate(5 + rest).put(head).put(body).array());
                    } catch (IOException e) {
                      hello.completeExceptionally(e);
                    }
                  });
      SSLSocket client = certificates.clientSocket(near, HOST, near.getPort());
      try {
        client.startHandshake();
      } catch (IOException e) {
        // There was no answer.
      }
      return hello.get();
    }
  }
}
