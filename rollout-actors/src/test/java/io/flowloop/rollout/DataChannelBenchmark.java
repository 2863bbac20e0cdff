package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.OperatingSystemMXBean;
import io.flowloop.engine.HostTensor;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.PromptEmbedding;
import io.flowloop.engine.RgbImage;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.Sample;
import io.flowloop.engine.SampleTimings;
import io.flowloop.engine.SdeWindow;
import io.flowloop.engine.Trajectory;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What it takes to move samples and weights by the side channel, over mutual TLS 1.3 on loopback,
 * for {@code docs/benchmarks.md}; run by
 *
 * <pre>
 * mvn -pl rollout-actors -am -Dexcluded.tags= -Dtest=DataChannelBenchmark
 *   -Dsurefire.failIfNoSpecifiedTests=false -Dtest.heap=8g test
 * </pre>
 */
@Tag("benchmark")
class DataChannelBenchmark {

  private static final String HOST = "127.0.0.1";
  private static final Duration LONG = Duration.ofMinutes(2);
  private static final long MOST = 4L << 30;
  private static final int ROWS = 16;
  private static final int STEPS = 10;
  private static final int LATENTS = 16 * 64 * 64;
  private static final int PIXELS = 512;
  private static final int WARM_UP = 20;
  private static final int MEASURED = 41;
  private static final int WARM_UP_OF_WEIGHTS = 2;
  private static final int MEASURED_OF_WEIGHTS = 11;
  private static final OperatingSystemMXBean PROCESS =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  /** Matrices of 3,072 × 3,072: 1.06 GB. */
  private static final int TENSORS = 28;

  private static final int WIDTH = 3072;

  @TempDir private Path temp = Path.of("");

  private final Random random = new Random(1);
  private final List<DataClient> clients = new ArrayList<>();
  private Optional<DataServer> server = Optional.empty();

  @BeforeEach
  void start() {
    Optional<NodeCertificates> node =
        Optional.of(NodeCertificates.load(DevelopmentCa.open(temp).issue(HOST), HOST));
    server =
        Optional.of(DataServer.start(new DataServer.Settings(HOST, 0, HOST, MOST, 4, LONG), node));
    for (int i = 0; i < 2; i++) {
      clients.add(DataClient.create(new DataClient.Settings(MOST, 1, 1, LONG), node));
    }
  }

  @AfterEach
  void close() {
    clients.forEach(DataClient::close);
    server.ifPresent(DataServer::close);
  }

  /** What each part took, of so many turns. */
  private static final class Times {

    private record Taken(double millis, double cpuMillis) {}

    private final Map<String, List<Taken>> parts = new LinkedHashMap<>();

    <T> T of(String part, Supplier<T> work) {
      long cpu = PROCESS.getProcessCpuTime();
      long begun = System.nanoTime();
      T result = work.get();
      long nanos = System.nanoTime() - begun;
      parts
          .computeIfAbsent(part, _ -> new ArrayList<>())
          .add(new Taken(nanos / 1e6, (PROCESS.getProcessCpuTime() - cpu) / 1e6));
      return result;
    }

    /** The last of them; those before were to warm up. */
    void print(String what, int measured, double megabytes) {
      parts.forEach(
          (part, all) -> {
            List<Taken> taken = all.subList(all.size() - measured, all.size());
            double[] millis = sorted(taken, Taken::millis);
            double[] cpu = sorted(taken, Taken::cpuMillis);
            System.out.printf(
                "| %s, %.0f MB: %s | %.0f | %.0f–%.0f | %.0f | %.0f |%n",
                what,
                megabytes,
                part,
                millis[measured / 2],
                millis[0],
                millis[measured - 1],
                megabytes / millis[measured / 2] * 1e3,
                cpu[measured / 2]);
          });
    }

    private static double[] sorted(List<Taken> taken, ToDoubleFunction<Taken> part) {
      return taken.stream().mapToDouble(part).sorted().toArray();
    }
  }

  @Test
  void samples_ofAGroup_encodedMovedDecoded() {
    List<Sample> samples = samples();
    Times times = new Times();
    for (int i = 0; i < WARM_UP + MEASURED; i++) {
      assertThat(times.of("all of it", () -> movedSamples(samples, times))).hasSize(ROWS);
    }
    times.print("group", MEASURED, SampleBlob.encode(samples).length() / 1e6);
  }

  private List<Sample> movedSamples(List<Sample> samples, Times times) {
    Blob blob = times.of("encode", () -> SampleBlob.encode(samples));
    DataHandle handle = server.orElseThrow().publish(blob);
    Blob moved = times.of("move", () -> clients.getFirst().fetch(handle, LONG).join());
    server.orElseThrow().release(handle);
    return times.of("decode", () -> SampleBlob.decode(moved));
  }

  @Test
  void weights_toOneAndToTwoClients_encodedMovedDecoded() {
    PolicyWeights weights = weights();
    Times times = new Times();
    for (int i = 0; i < WARM_UP_OF_WEIGHTS + MEASURED_OF_WEIGHTS; i++) {
      Blob blob = times.of("encode", () -> WeightsBlob.encode(weights));
      DataHandle handle = server.orElseThrow().publish(blob);
      assertThat(movedWeights(handle, times).tensors()).hasSize(TENSORS);
      int moved = times.of("move to two at a time, each", () -> movedToAll(handle));
      assertThat(moved).isEqualTo(clients.size());
      server.orElseThrow().release(handle);
    }
    times.print("weights", MEASURED_OF_WEIGHTS, WeightsBlob.encode(weights).length() / 1e6);
  }

  private PolicyWeights movedWeights(DataHandle handle, Times times) {
    Blob moved = times.of("move to one", () -> clients.getFirst().fetch(handle, LONG).join());
    return times.of("decode", () -> WeightsBlob.decode(moved));
  }

  private int movedToAll(DataHandle handle) {
    List<CompletableFuture<Blob>> pulls =
        clients.stream().map(client -> client.fetch(handle, LONG)).toList();
    pulls.forEach(CompletableFuture::join);
    return pulls.size();
  }

  private PolicyWeights weights() {
    Map<String, HostTensor> tensors = new TreeMap<>();
    for (int i = 0; i < TENSORS; i++) {
      tensors.put(
          "blocks." + i + ".weight",
          new HostTensor(List.of((long) WIDTH, (long) WIDTH), numbers(WIDTH * WIDTH)));
    }
    return PolicyWeights.of(1, tensors);
  }

  private List<Sample> samples() {
    PromptEmbedding embedding = new PromptEmbedding(numbers(256 * WIDTH), new boolean[256], WIDTH);
    return IntStream.range(0, ROWS).mapToObj(row -> sample(row, embedding)).toList();
  }

  private Sample sample(int row, PromptEmbedding embedding) {
    float[][] latents = new float[STEPS + 1][];
    Arrays.setAll(latents, _ -> numbers(LATENTS));
    byte[] rgb = new byte[PIXELS * PIXELS * 3];
    random.nextBytes(rgb);
    return new Sample(
        new RowSeed(row, row),
        new RgbImage(PIXELS, PIXELS, rgb),
        new Trajectory(
            latents, latents[STEPS], numbers(STEPS + 1), new SdeWindow(0, STEPS), numbers(STEPS)),
        embedding,
        1,
        new SampleTimings(1, row, ROWS, STEPS, 0, Duration.ZERO, Duration.ZERO, Duration.ZERO));
  }

  private float[] numbers(int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = random.nextFloat();
    }
    return numbers;
  }
}
