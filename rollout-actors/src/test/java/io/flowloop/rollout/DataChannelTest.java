package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.rollout.DataException.Reason;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** {@link DataServer} and {@link DataClient} together, plain and over TLS. */
class DataChannelTest {

  private static final Duration DEADLINE = Duration.ofSeconds(20);
  private static final Duration IDLE = Duration.ofSeconds(5);
  private static final String HOST = TestCertificates.HOST;
  private static final Executor THREADS = task -> Thread.ofVirtual().start(task);

  private DataServer server = server(IDLE, Optional.empty());
  private DataClient client = client(IDLE, Optional.empty());

  private static DataServer server(Duration idle, Optional<NodeCertificates> certificates) {
    return DataServer.start(
        new DataServer.Settings(HOST, 0, HOST, 32 << 20, 16, idle), certificates);
  }

  private static DataClient client(Duration idle, Optional<NodeCertificates> certificates) {
    return DataClient.create(new DataClient.Settings(32 << 20, 3, 2, idle), certificates);
  }

  private void restart(Optional<NodeCertificates> ofServer, Optional<NodeCertificates> ofClient) {
    close();
    server = server(IDLE, ofServer);
    client = client(IDLE, ofClient);
  }

  @AfterEach
  void close() {
    client.close();
    server.close();
  }

  static byte[] random(int length) {
    byte[] bytes = new byte[length];
    new Random(length).nextBytes(bytes);
    return bytes;
  }

  private byte[] fetched(DataHandle handle) throws Exception {
    return BlobCodecTest.bytes(client.fetch(handle, DEADLINE).get(20, TimeUnit.SECONDS));
  }

  static Reason reason(CompletableFuture<Blob> result) throws Exception {
    try {
      Blob blob = result.get(20, TimeUnit.SECONDS);
      throw new AssertionError("fetched " + blob.length());
    } catch (ExecutionException e) {
      if (e.getCause() instanceof DataException failure) {
        return failure.reason();
      }
      throw e;
    }
  }

  static void await(BooleanSupplier condition) {
    long end = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.onSpinWait();
    }
  }

  @Test
  void fetch_severalOfManySizes_areTheBytesOverOneConnection() throws Exception {
    for (int length : List.of(1, 20, Blob.CHUNK - 1, Blob.CHUNK, Blob.CHUNK + 1, 3_000_000)) {
      byte[] bytes = random(length);
      assertThat(fetched(server.publish(Blob.copyOf(bytes)))).isEqualTo(bytes);
    }
    assertThat(server.connections()).isEqualTo(1);
  }

  @Test
  void fetch_mutualTls_areTheBytes() throws Exception {
    NodeCertificates node = NodeCertificates.load(TestCertificates.node(), HOST);
    restart(Optional.of(node), Optional.of(node));
    byte[] bytes = random(3_000_000);
    DataHandle handle = server.publish(Blob.copyOf(bytes));

    assertThat(fetched(handle)).isEqualTo(bytes);
    assertThat(fetched(handle)).isEqualTo(bytes);
    assertThat(server.connections()).isEqualTo(1);
  }

  @Test
  void fetch_strangers_getNothingAndTheNodeIsServed() throws Exception {
    NodeCertificates node = NodeCertificates.load(TestCertificates.node(), HOST);
    NodeCertificates other = NodeCertificates.load(TestCertificates.stranger(), HOST);
    restart(Optional.of(node), Optional.of(node));
    byte[] bytes = random(100_000);
    DataHandle handle = server.publish(Blob.copyOf(bytes));
    for (Optional<NodeCertificates> stranger :
        List.of(Optional.<NodeCertificates>empty(), Optional.of(other))) {
      try (DataClient strange = client(IDLE, stranger)) {
        assertThat(reason(strange.fetch(handle, DEADLINE))).isEqualTo(Reason.BROKEN);
      }
    }

    assertThat(fetched(handle)).isEqualTo(bytes);
  }

  @Test
  void fetch_serverOfAnotherHostName_isRefused() throws Exception {
    NodeCertificates node = NodeCertificates.load(TestCertificates.node(), HOST);
    NodeCertificates elsewhere = NodeCertificates.load(TestCertificates.elsewhere(), "gpu-9");
    restart(Optional.of(elsewhere), Optional.of(node));

    DataHandle handle = server.publish(Blob.copyOf(random(10)));

    assertThat(reason(client.fetch(handle, DEADLINE))).isEqualTo(Reason.BROKEN);
  }

  @Test
  void fetch_released_isUnknownAndFreesItsBytes() throws Exception {
    DataHandle handle = server.publish(Blob.copyOf(random(1000)));
    assertThat(server.bytesHeld()).isEqualTo(1000);

    server.release(handle);

    assertThat(reason(client.fetch(handle, DEADLINE))).isEqualTo(Reason.UNKNOWN);
    assertThat(server.bytesHeld()).isZero();
  }

  @Test
  void fetch_nobodyListens_isBroken() throws Exception {
    DataHandle handle = server.publish(Blob.copyOf(random(10)));
    server.close();

    assertThat(reason(client.fetch(handle, DEADLINE))).isEqualTo(Reason.BROKEN);
  }

  @Test
  void fetch_anotherChecksum_isMalformed() throws Exception {
    DataHandle right = server.publish(Blob.copyOf(random(10)));
    DataHandle wrong =
        new DataHandle(HOST, right.port(), right.id(), right.length(), right.crc32c() ^ 1);

    assertThat(reason(client.fetch(wrong, DEADLINE))).isEqualTo(Reason.MALFORMED);
  }

  @Test
  void fetch_longerThanTheLimit_isRefusedAtOnce() throws Exception {
    DataHandle handle = new DataHandle(HOST, server.port(), 1, Long.MAX_VALUE, 0);

    assertThat(reason(client.fetch(handle, DEADLINE))).isEqualTo(Reason.TOO_LARGE);
  }

  @Test
  void publish_beyondTheBudget_namesTheSetting() {
    Blob blob = Blob.copyOf(new byte[20 << 20]);
    DataHandle first = server.publish(blob);

    assertThatThrownBy(() -> server.publish(blob)).hasMessageContaining("cluster.blobBytes");
    server.release(first);
    assertThat(server.publish(blob).length()).isEqualTo(20 << 20);
  }

  @Test
  void fetch_connectionThatBreaksTwice_goesOnFromThere() throws Exception {
    byte[] bytes = random(3_000_000);
    DataHandle handle = server.publish(Blob.copyOf(bytes));
    try (CuttingProxy proxy = new CuttingProxy(server.port(), 1_000_000, 2)) {
      DataHandle through =
          new DataHandle(HOST, proxy.port(), handle.id(), handle.length(), handle.crc32c());

      assertThat(fetched(through)).isEqualTo(bytes);
      // Headers of three responses beside the bytes: nothing came twice.
      assertThat(proxy.moved()).isLessThan(bytes.length + 2L * CuttingProxy.BUFFER + 60);
    }
  }

  @Test
  void fetch_silentServer_expiresAndCancelCloses() throws Exception {
    try (ServerSocket silent = new ServerSocket(0, 8, InetAddress.getLoopbackAddress())) {
      DataHandle handle = new DataHandle(HOST, silent.getLocalPort(), 1, 10, 0);

      assertThat(reason(client.fetch(handle, Duration.ofMillis(50)))).isEqualTo(Reason.EXPIRED);
      CompletableFuture<Blob> cancelled = client.fetch(handle, DEADLINE);
      await(() -> client.connections() > 0);
      assertThat(cancelled.cancel(true)).isTrue();
      await(() -> client.connections() == 0);
    }
  }

  @Test
  void close_pullUnderWay_failsAsClosed() throws Exception {
    try (ServerSocket silent = new ServerSocket(0, 8, InetAddress.getLoopbackAddress())) {
      CompletableFuture<Blob> result =
          client.fetch(new DataHandle(HOST, silent.getLocalPort(), 1, 10, 0), DEADLINE);
      await(() -> client.connections() > 0);

      client.close();

      assertThat(reason(result)).isEqualTo(Reason.CLOSED);
      assertThat(reason(client.fetch(new DataHandle(HOST, 1, 1, 10, 0), DEADLINE)))
          .isEqualTo(Reason.CLOSED);
    }
  }

  @Test
  void close_whileOthersFetch_endsEveryPullAndConnection() throws Exception {
    DataHandle handle = server.publish(Blob.copyOf(random(1000)));
    for (int round = 0; round < 100; round++) {
      client = client(IDLE, Optional.empty());
      CountDownLatch begin = new CountDownLatch(1);
      List<CompletableFuture<Blob>> pulls = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        pulls.add(
            CompletableFuture.runAsync(() -> awaitQuietly(begin), THREADS)
                .thenCompose(_ -> client.fetch(handle, DEADLINE)));
      }
      begin.countDown();

      client.close();

      for (CompletableFuture<Blob> pull : pulls) {
        await(pull::isDone);
        assertThat(!pull.isCompletedExceptionally() || reason(pull) == Reason.CLOSED).isTrue();
      }
      await(() -> server.connections() == 0);
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
