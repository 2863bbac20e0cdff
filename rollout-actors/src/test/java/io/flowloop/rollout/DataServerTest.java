package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a {@link DataServer} bears of those who mean it no good, or have no luck. */
class DataServerTest {

  private static final String HOST = TestCertificates.HOST;
  private static final Duration LONG = Duration.ofSeconds(20);
  private static final Executor THREADS = task -> Thread.ofVirtual().start(task);
  private static final int BYTES = 30 << 20;

  private final List<AutoCloseable> open = new ArrayList<>();

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : open) {
      each.close();
    }
  }

  private <T extends AutoCloseable> T opened(T each) {
    open.add(each);
    return each;
  }

  private DataServer server(
      int connections,
      Duration idle,
      Optional<NodeCertificates> certificates,
      DataServer.Guards guards) {
    return opened(
        DataServer.start(
            new DataServer.Settings(HOST, 0, HOST, BYTES, connections, idle),
            certificates,
            guards));
  }

  private byte[] fetched(DataHandle handle, Optional<NodeCertificates> certificates)
      throws Exception {
    DataClient client =
        opened(DataClient.create(new DataClient.Settings(BYTES, 3, 1, LONG), certificates));
    return BlobCodecTest.bytes(client.fetch(handle, LONG).get(20, TimeUnit.SECONDS));
  }

  private Socket stranger(DataServer server) throws IOException {
    return opened(new Socket(InetAddress.getLoopbackAddress(), server.port()));
  }

  private static Optional<NodeCertificates> node() {
    return Optional.of(NodeCertificates.load(TestCertificates.node(), HOST));
  }

  private static void assertEnded(Socket socket) throws IOException {
    try {
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    } catch (SocketException e) {
      // Reset: an end as well.
    }
  }

  @Test
  void accept_manyStrangersWhoSayNothing_lockNobodyOut() throws Exception {
    Optional<NodeCertificates> node = node();
    DataServer server = server(1, LONG, node, new DataServer.Guards(LONG, 4, 1, THREADS));
    byte[] bytes = DataChannelTest.random(1000);
    DataHandle handle = server.publish(Blob.copyOf(bytes));
    for (int i = 0; i < 100; i++) {
      var _ = stranger(server);
    }

    assertThat(fetched(handle, node)).isEqualTo(bytes);
    DataChannelTest.await(() -> server.connections() <= 6);
  }

  @Test
  void accept_asManyNodesAtOnceAsMayConnect_servesThemAll() throws Exception {
    Optional<NodeCertificates> node = node();
    DataServer server = server(40, LONG, node, new DataServer.Guards(LONG, 0, 1, THREADS));
    DataHandle handle = server.publish(Blob.copyOf(DataChannelTest.random(1000)));
    List<CompletableFuture<Blob>> pulls = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      DataClient client =
          opened(DataClient.create(new DataClient.Settings(BYTES, 1, 1, LONG), node));
      pulls.add(client.fetch(handle, LONG));
    }

    for (CompletableFuture<Blob> pull : pulls) {
      assertThat(pull.get(20, TimeUnit.SECONDS).length()).isEqualTo(1000);
    }
  }

  @Test
  void accept_handshakeThatStops_isEndedBeforeTheIdleTime() throws Exception {
    DataServer server =
        server(1, LONG, node(), new DataServer.Guards(Duration.ofMillis(100), 4, 1, THREADS));
    Socket stranger = stranger(server);
    byte[] beginningOfRecord = {22, 3, 1, 64, 0, 1};
    stranger.getOutputStream().write(beginningOfRecord);
    long begun = System.nanoTime();

    assertEnded(stranger);

    assertThat(System.nanoTime() - begun).isLessThan(LONG.toNanos() / 2);
    DataChannelTest.await(() -> server.connections() == 0);
  }

  @Test
  void accept_moreThanTheConnections_closesThoseThatAsk() throws Exception {
    DataServer server = server(1, LONG, Optional.empty(), DataServer.Guards.DEFAULT);
    DataHandle handle = server.publish(Blob.copyOf(DataChannelTest.random(10)));
    byte[] request = DataProtocol.encode(new DataProtocol.Request(handle.id(), 0, handle.length()));
    Socket first = stranger(server);
    first.getOutputStream().write(request);
    assertThat(first.getInputStream().readNBytes(30)).hasSize(30);
    Socket second = stranger(server);
    second.getOutputStream().write(request);

    assertEnded(second);
    first.getOutputStream().write(request);
    assertThat(first.getInputStream().readNBytes(30)).hasSize(30);
  }

  @Test
  void accept_noThreadToBeHad_losesThatConnectionAlone() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    Executor threads =
        task -> {
          if (asked.getAndIncrement() == 0) {
            throw new OutOfMemoryError("unable to create native thread");
          }
          THREADS.execute(task);
        };
    DataServer server =
        server(1, LONG, Optional.empty(), new DataServer.Guards(LONG, 4, 1, threads));
    byte[] bytes = DataChannelTest.random(1000);
    DataHandle handle = server.publish(Blob.copyOf(bytes));

    assertEnded(stranger(server));
    assertThat(fetched(handle, Optional.empty())).isEqualTo(bytes);
    assertThat(server.connections()).isEqualTo(1);
  }

  @Test
  void send_readerThatReadsNothing_isClosedAndItsBytesFreed() throws Exception {
    DataServer server =
        server(1, Duration.ofMillis(100), Optional.empty(), DataServer.Guards.DEFAULT);
    var _ = readerOfAReleasedBlob(server);

    DataChannelTest.await(() -> server.bytesHeld() == 0 && server.connections() == 0);
  }

  @Test
  void send_readerSlowerThanTheSlowest_isClosedAndItsBytesFreed() throws Exception {
    DataServer server =
        server(
            1,
            Duration.ofSeconds(1),
            Optional.empty(),
            new DataServer.Guards(LONG, 4, 100 << 20, THREADS));
    Socket reader = readerOfAReleasedBlob(server);

    // Byte for byte: it always moves, and would take more than ten seconds.
    int count = 0;
    while (server.bytesHeld() > 0 && reader.getInputStream().read() >= 0) {
      count++;
    }
    assertThat(count).isLessThan(BYTES / 2);
    DataChannelTest.await(() -> server.connections() == 0);
  }

  private Socket readerOfAReleasedBlob(DataServer server) throws IOException {
    DataHandle handle = server.publish(Blob.copyOf(new byte[BYTES]));
    Socket reader = stranger(server);
    reader
        .getOutputStream()
        .write(DataProtocol.encode(new DataProtocol.Request(handle.id(), 0, handle.length())));
    assertThat(reader.getInputStream().readNBytes(DataProtocol.RESPONSE_BYTES)).hasSize(20);
    server.release(handle);
    assertThat(server.bytesHeld()).isEqualTo(BYTES);
    return reader;
  }
}
