package io.flowloop.agentloop.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.HttpConfig;
import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.RewardPool;
import io.flowloop.rollout.RolloutException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class NodeHttpTest {

  private static final HttpConfig ANY_PORT = new HttpConfig("127.0.0.1", OptionalInt.of(0));
  private static final EngineRouter.Stats BUSY =
      new EngineRouter.Stats(
          3,
          Duration.ofMillis(1500),
          2,
          7,
          List.of(2, 1),
          List.of(32, 16),
          List.of(7L, 6L),
          4,
          5,
          6,
          new TreeMap<>(Map.of(16, 20L, 8, 10L)));

  private final ActorTestKit kit = ActorTestKit.create();
  private final HttpClient client = HttpClient.newHttpClient();

  @AfterEach
  void shutdown() {
    client.close();
    kit.shutdownTestKit();
  }

  @Test
  void metrics_ofABusyRouter_areItsFigures() throws Exception {
    Map<String, Double> metrics = scrape(start(() -> CompletableFuture.completedStage(BUSY)));

    assertThat(metrics)
        .containsEntry("flowloop_requests_waiting", 3.0)
        .containsEntry("flowloop_queue_age_seconds", 1.5)
        .containsEntry("flowloop_engines_ready", 2.0)
        .containsEntry("flowloop_leases{engine=\"0\"}", 2.0)
        .containsEntry("flowloop_leases{engine=\"1\"}", 1.0)
        .containsEntry("flowloop_samples_outstanding{engine=\"0\"}", 32.0)
        .containsEntry("flowloop_policy_version{engine=\"1\"}", 6.0)
        .containsEntry("flowloop_policy_lag{engine=\"0\"}", 0.0)
        .containsEntry("flowloop_policy_lag{engine=\"1\"}", 1.0)
        .containsEntry("flowloop_rewards_waiting", 8.0)
        .containsEntry("flowloop_rewards_busy", 2.0)
        .containsEntry("flowloop_rewards_failed_total", 9.0)
        .containsEntry("flowloop_requests_retried_total", 4.0)
        .containsEntry("flowloop_results_late_total", 5.0)
        .containsEntry("flowloop_oom_splits_total", 6.0)
        .containsEntry("flowloop_forwards_total{rows=\"16\"}", 20.0)
        .containsEntry("flowloop_forwards_total{rows=\"8\"}", 10.0)
        .containsKeys(
            "jvm_threads_live_threads",
            "process_files_open_files",
            "flowloop_process_resident_bytes");
  }

  @Test
  void metrics_routerDoesNotAnswer_areTheLastOnes() throws Exception {
    CompletableFuture<EngineRouter.Stats> answer = CompletableFuture.completedFuture(BUSY);
    CompletableFuture<EngineRouter.Stats> silence = new CompletableFuture<>();
    List<CompletionStage<EngineRouter.Stats>> answers =
        new java.util.ArrayList<>(List.of(answer, silence));
    InetSocketAddress address = start(answers::removeFirst);

    assertThat(scrape(address)).containsEntry("flowloop_requests_waiting", 3.0);
    assertThat(scrape(address)).containsEntry("flowloop_requests_waiting", 3.0);
  }

  @Test
  void metrics_messageToAnActorThatHasStopped_isCounted() throws Exception {
    InetSocketAddress address = start(() -> CompletableFuture.completedStage(BUSY));
    TestProbe<String> probe = kit.createTestProbe();
    ActorRef<String> stopped = kit.spawn(Behaviors.stopped());
    probe.expectTerminated(stopped);

    stopped.tell("too late");

    probe.awaitAssert(
        () -> {
          assertThat(quietScrape(address)).containsEntry("flowloop_dead_letters_total", 1.0);
          return true;
        });
  }

  @Test
  void ready_whileEnginesAreReady_is200AndElse503() throws Exception {
    InetSocketAddress ready = start(() -> CompletableFuture.completedStage(BUSY));
    assertThat(get(ready, "/ready").statusCode()).isEqualTo(200);
    assertThat(get(ready, "/ready").body())
        .isEqualTo(
            "{\"ready\": true, \"conditions\": {\"running\": true, \"enginesReady\": true}}\n");
  }

  @Test
  void ready_loopThatDoesNotAnswerAnyMore_is503() throws Exception {
    CompletableFuture<EngineRouter.Stats> silence = new CompletableFuture<>();
    List<CompletionStage<EngineRouter.Stats>> answers =
        new java.util.ArrayList<>(List.of(CompletableFuture.completedFuture(BUSY), silence));
    InetSocketAddress address = start(answers::removeFirst);

    assertThat(get(address, "/ready").statusCode()).isEqualTo(200);
    assertThat(get(address, "/ready").statusCode()).isEqualTo(503);
  }

  @Test
  void ready_noEngineYet_is503AndNamesIt() throws Exception {
    InetSocketAddress starting = start(CompletableFuture::new);

    HttpResponse<String> response = get(starting, "/ready");

    assertThat(response.statusCode()).isEqualTo(503);
    assertThat(response.body()).contains("\"enginesReady\": false");
    assertThat(get(starting, "/alive").statusCode()).isEqualTo(200);
  }

  @Test
  void otherPathsAndMethods_areRefused() throws Exception {
    InetSocketAddress address = start(() -> CompletableFuture.completedStage(BUSY));

    assertThat(get(address, "/").statusCode()).isEqualTo(404);
    assertThat(
            client
                .send(
                    HttpRequest.newBuilder(uri(address, "/metrics"))
                        .POST(HttpRequest.BodyPublishers.ofString("x"))
                        .build(),
                    HttpResponse.BodyHandlers.ofString())
                .statusCode())
        .isEqualTo(405);
  }

  @Test
  void start_portThatIsTaken_namesIt() {
    InetSocketAddress taken = start(() -> CompletableFuture.completedStage(BUSY));

    assertThatThrownBy(() -> listen(new HttpConfig("127.0.0.1", OptionalInt.of(taken.getPort()))))
        .isInstanceOf(RolloutException.class)
        .hasMessageContaining(
            "http.port: " + taken.getPort() + " on 127.0.0.1 cannot be listened on");
  }

  private void listen(HttpConfig config) {
    ActorTestKit other = ActorTestKit.create();
    try {
      var _ =
          NodeHttp.start(other.system(), config, new LoopMeters(CompletableFuture::new), List.of());
    } finally {
      other.shutdownTestKit();
    }
  }

  private InetSocketAddress start(Supplier<CompletionStage<EngineRouter.Stats>> stats) {
    Watched loop =
        new LoopMeters(
            () ->
                stats
                    .get()
                    .thenApply(engines -> new LoopStats(engines, new RewardPool.Stats(8, 2, 9))));
    return NodeHttp.start(kit.system(), ANY_PORT, loop, List.of());
  }

  private Map<String, Double> quietScrape(InetSocketAddress address) {
    try {
      return scrape(address);
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Every series with its value. */
  private Map<String, Double> scrape(InetSocketAddress address)
      throws IOException, InterruptedException {
    HttpResponse<String> response = get(address, "/metrics");
    assertThat(response.statusCode()).isEqualTo(200);
    return response
        .body()
        .lines()
        .filter(line -> !line.startsWith("#"))
        .map(
            line ->
                List.of(
                    line.substring(0, line.lastIndexOf(' ')),
                    line.substring(line.lastIndexOf(' ') + 1)))
        .collect(Collectors.toMap(List::getFirst, series -> Double.valueOf(series.getLast())));
  }

  private HttpResponse<String> get(InetSocketAddress address, String path)
      throws IOException, InterruptedException {
    return client.send(
        HttpRequest.newBuilder(uri(address, path)).timeout(Duration.ofSeconds(10)).build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private static URI uri(InetSocketAddress address, String path) {
    return URI.create("http://127.0.0.1:%d%s".formatted(address.getPort(), path));
  }
}
