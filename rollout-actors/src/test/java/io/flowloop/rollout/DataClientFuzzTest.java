package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.rollout.DataException.Reason;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Mutated responses, also with their header's checksum made right again. The client's one
 * connection to a good server must live through them.
 */
class DataClientFuzzTest {

  private static final String HOST = "127.0.0.1";
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final int AT_A_TIME = 200;
  private static final byte[] BYTES = DataChannelTest.random(500);

  private final AtomicInteger connections = new AtomicInteger();
  private final DataServer server =
      DataServer.start(
          new DataServer.Settings(HOST, 0, HOST, 1 << 20, 16, LONG),
          Optional.empty(),
          new DataServer.Guards(
              LONG,
              64,
              1,
              task -> {
                connections.incrementAndGet();
                Thread.ofVirtual().start(task);
              }));
  private final DataHandle handle = server.publish(Blob.copyOf(BYTES));

  /** Two connections to a pull: what the second brings goes on from what the first has brought. */
  private final DataClient client =
      DataClient.create(new DataClient.Settings(1 << 20, 2, 1, LONG), Optional.empty());

  @AfterEach
  void close() {
    client.close();
    server.close();
  }

  @Test
  void fetch_mutatedResponses_areRefusedOrTheBlob() throws Exception {
    responses(3_000, 1);
  }

  @Tag("faults")
  @Test
  void fetch_aMillionMutatedResponses_areRefusedOrTheBlob() throws Exception {
    responses(1_000_000, 2);
  }

  private void responses(int count, long seed) throws Exception {
    int taken = 0;
    int refused = 0;
    try (LyingServer liar = new LyingServer(BYTES, new Random(seed))) {
      DataHandle there =
          new DataHandle(HOST, liar.port(), handle.id(), handle.length(), handle.crc32c());
      while (liar.lies() < count) {
        assertThat(isTaken(client.fetch(handle, LONG))).isTrue();
        List<CompletableFuture<Blob>> pulls =
            Stream.generate(() -> client.fetch(there, LONG)).limit(AT_A_TIME).toList();
        for (CompletableFuture<Blob> pull : pulls) {
          if (isTaken(pull)) {
            taken++;
          } else {
            refused++;
          }
        }
      }
      assertThat(isTaken(client.fetch(handle, LONG))).isTrue();
    }
    assertThat(connections).hasValue(1);
    assertThat(taken).isGreaterThan(count / 10);
    assertThat(refused).isGreaterThan(count / 10);
  }

  /** Whether it is the blob; if not, it must have been refused for a reason that fits. */
  private static boolean isTaken(CompletableFuture<Blob> pull) throws Exception {
    try {
      assertThat(BlobCodecTest.bytes(pull.get(30, TimeUnit.SECONDS))).isEqualTo(BYTES);
      return true;
    } catch (ExecutionException e) {
      assertThat(e.getCause())
          .isInstanceOfSatisfying(
              DataException.class,
              failure ->
                  assertThat(failure.reason())
                      .isIn(Reason.BROKEN, Reason.MALFORMED, Reason.UNKNOWN));
      return false;
    }
  }
}
