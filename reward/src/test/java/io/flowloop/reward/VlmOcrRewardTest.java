package io.flowloop.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.sun.net.httpserver.HttpHandler;
import io.flowloop.config.BreakerConfig;
import io.flowloop.config.VlmOcrConfig;
import io.flowloop.engine.RgbImage;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class VlmOcrRewardTest {

  private static final String PROMPT = "a sign that says \"7382\"";
  private static final RgbImage IMAGE = Pictures.plain(4, 4, 128);
  private static final Duration PAUSE = Duration.ofSeconds(30);

  @AutoClose private final ChatServer server = new ChatServer();
  private final ManualTime time = new ManualTime();

  /** Settings of which a test changes one or two. */
  private record Settings(
      URI url, Optional<String> apiKeyEnv, Duration timeout, int retries, int concurrency) {

    VlmOcrConfig config() {
      return new VlmOcrConfig(
          1,
          Optional.of(url),
          Optional.of("Qwen/VL"),
          apiKeyEnv,
          64,
          timeout,
          retries,
          concurrency,
          new BreakerConfig(2, PAUSE));
    }
  }

  private Settings settings(int retries) {
    return new Settings(server.url(), Optional.empty(), Duration.ofSeconds(20), retries, 4);
  }

  private VlmOcrReward reward(Settings settings) {
    return new VlmOcrReward(
        settings.config(), Duration.ofSeconds(40), Map.of("VLM_KEY", "sk-12345\n"), time);
  }

  private static RewardException failure(VlmOcrReward reward) {
    return catchThrowableOfType(RewardException.class, () -> reward.score(PROMPT, IMAGE));
  }

  @ParameterizedTest
  @CsvSource({"7382, 1", "No. 7382!, 1", "738Z, 0.75", "'73 8', 0.75", "[no text], 0", "hello, 0"})
  void score_reading_isThatOfOcr(String reading, double score) throws Exception {
    server.always(ChatServer.text(reading));
    try (VlmOcrReward reward = reward(settings(0))) {
      assertThat(reward.score(PROMPT, IMAGE)).isEqualTo(score);
    }
  }

  @Test
  void score_request_isPostedToTheBaseUrlWithoutAKeyOrAnUpgrade() throws Exception {
    server.always(ChatServer.text("7382"));
    URI withSlash = URI.create(server.url() + "/");
    try (VlmOcrReward reward =
        reward(new Settings(withSlash, Optional.empty(), Duration.ofSeconds(20), 0, 1))) {
      reward.score(PROMPT, IMAGE);
    }

    ChatServer.Asked asked = server.asked().getFirst();
    assertThat(asked.path()).isEqualTo("/v1/chat/completions");
    assertThat(asked.headers().keySet()).doesNotContain("Authorization", "Upgrade");
    assertThat(asked.headers().getFirst("Content-Type")).isEqualTo("application/json");
    assertThat(asked.body().get("model").getAsString()).isEqualTo("Qwen/VL");
    assertThat(asked.body().get("max_tokens").getAsInt()).isEqualTo(64);
  }

  @Test
  void score_keyInTheEnvironment_isSentAndNotShown() {
    server.always(ChatServer.says(401, "no such key: sk-12345"));
    try (VlmOcrReward reward = reward(withKey("VLM_KEY"))) {
      assertThat(failure(reward)).hasMessageContaining("401").hasMessageNotContaining("12345");
    }
    assertThat(server.asked().getFirst().headers().getFirst("Authorization"))
        .isEqualTo("Bearer sk-12345");
  }

  @Test
  void score_keyMissing_namesTheVariableAndAsksNobody() {
    try (VlmOcrReward reward = reward(withKey("OTHER_KEY"))) {
      assertThat(failure(reward)).hasMessageContaining("OTHER_KEY");
    }
    assertThat(server.asked()).isEmpty();
  }

  private Settings withKey(String variable) {
    return new Settings(server.url(), Optional.of(variable), Duration.ofSeconds(20), 2, 4);
  }

  @ParameterizedTest
  @ValueSource(ints = {201, 302, 400, 401, 404, 422})
  void score_otherStatus_failsAtOnceAndSaysWhatItWas(int status) {
    server.always(ChatServer.says(status, "no\u001b such\nmodel " + "x".repeat(300)));
    try (VlmOcrReward reward = reward(settings(2))) {
      assertThat(failure(reward))
          .hasMessageStartingWith(
              "reward function vlmOcr: %s/chat/completions answered %d: no\\u001b such\\u000amodel xxx"
                  .formatted(server.url(), status))
          .hasMessageNotContaining("x".repeat(200));
    }
    assertThat(server.asked()).hasSize(1);
    assertThat(time.slept()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {408, 429, 500, 502, 503})
  void score_serverThatIsBusy_isAskedAgainAfterGrowingPauses(int status) throws Exception {
    server
        .then(ChatServer.says(status, "busy"))
        .then(ChatServer.says(status, "busy"))
        .always(ChatServer.text("7382"));
    try (VlmOcrReward reward = reward(settings(2))) {
      assertThat(reward.score(PROMPT, IMAGE)).isEqualTo(1);
    }
    assertThat(server.asked()).hasSize(3);
    assertThat(time.slept()).hasSize(2);
    assertThat(time.slept().get(0)).isBetween(Duration.ofMillis(125), Duration.ofMillis(375));
    assertThat(time.slept().get(1)).isBetween(Duration.ofMillis(250), Duration.ofMillis(750));
  }

  @Test
  void score_manyAttempts_pauseFourSecondsAtMost() {
    server.always(ChatServer.says(503, "busy"));
    try (VlmOcrReward reward = reward(settings(8))) {
      assertThat(failure(reward)).hasMessageContaining("503: busy (attempt 9 of 9)");
    }
    assertThat(server.asked()).hasSize(9);
    assertThat(time.slept())
        .hasSize(8)
        .allSatisfy(pause -> assertThat(pause).isLessThanOrEqualTo(Duration.ofSeconds(4)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"7", "Thu, 01 Jan 2026 00:00:07 GMT"})
  void score_retryAfter_isWaitedFor(String header) throws Exception {
    server.then(ChatServer.says(429, "", "Retry-After", header)).always(ChatServer.text("7382"));
    try (VlmOcrReward reward = reward(settings(2))) {
      assertThat(reward.score(PROMPT, IMAGE)).isEqualTo(1);
    }
    assertThat(time.slept()).containsExactly(Duration.ofSeconds(7));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"0", "-5", "soon", "99999999999999999999", "Wed, 31 Dec 2025 00:00:00 GMT"})
  void score_retryAfterThatAsksForNothing_isTheUsualPause(String header) throws Exception {
    server.then(ChatServer.says(503, "", "Retry-After", header)).always(ChatServer.text("7382"));
    try (VlmOcrReward reward = reward(settings(1))) {
      assertThat(reward.score(PROMPT, IMAGE)).isEqualTo(1);
    }
    assertThat(time.slept())
        .singleElement()
        .satisfies(
            pause -> assertThat(pause).isBetween(Duration.ofMillis(125), Duration.ofMillis(375)));
  }

  @Test
  void score_retryAfterBeyondTheTimeOfAReward_failsAtOnce() {
    server.always(ChatServer.says(429, "", "Retry-After", "36"));
    try (VlmOcrReward reward = reward(settings(2))) {
      assertThat(failure(reward))
          .hasMessageContaining("429")
          .hasMessageContaining("too late for reward.timeout");
    }
    assertThat(server.asked()).hasSize(1);
    assertThat(time.slept()).isEmpty();
  }

  @Test
  void score_connectionThatBreaksOff_isTriedAgain() throws Exception {
    server.then(ChatServer.breaksOff()).always(ChatServer.text("7382"));
    try (VlmOcrReward reward = reward(settings(1))) {
      assertThat(reward.score(PROMPT, IMAGE)).isEqualTo(1);
    }
    assertThat(server.asked()).hasSize(2);
  }

  @Test
  void score_nobodyListens_failsAfterAllAttempts() throws Exception {
    URI nowhere;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      nowhere = URI.create("http://127.0.0.1:%d/v1".formatted(socket.getLocalPort()));
    }
    try (VlmOcrReward reward =
        reward(new Settings(nowhere, Optional.empty(), Duration.ofSeconds(20), 1, 1))) {
      assertThat(failure(reward))
          .hasMessageContaining(nowhere + "/chat/completions cannot be reached")
          .hasMessageContaining("(attempt 2 of 2)");
    }
  }

  @Test
  void score_bodyThatDoesNotEnd_failsAfterTheTimeout() {
    server.always(server.hangs());
    try (VlmOcrReward reward =
        reward(new Settings(server.url(), Optional.empty(), Duration.ofMillis(200), 1, 1))) {
      assertThat(failure(reward)).hasMessageContaining("gave no whole answer within PT0.2S");
    }
    assertThat(server.asked()).hasSize(2);
  }

  @Test
  void score_noCompletion_failsAndShowsIt() {
    server.always(ChatServer.says(200, "<html>7382</html>"));
    try (VlmOcrReward reward = reward(settings(2))) {
      assertThat(failure(reward)).hasMessageContaining("<html>7382</html>");
    }
    assertThat(server.asked()).hasSize(1);
  }

  @Test
  void score_answerOfTooManyBytes_fails() {
    server.always(ChatServer.text("7382 ".repeat(1 << 18)));
    try (VlmOcrReward reward = reward(settings(0))) {
      assertThat(failure(reward)).hasMessageContaining("broke off");
    }
  }

  @Test
  void score_halfAnAnswer_fails() {
    server.always(ChatServer.says(200, ChatServer.completion("7382", "length")));
    try (VlmOcrReward reward = reward(settings(2))) {
      assertThat(failure(reward)).hasMessageContaining("finish_reason length");
    }
  }

  @Test
  void score_threadThatIsInterrupted_endsTheRequest() throws Exception {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        VlmOcrReward reward =
            reward(
                new Settings(
                    URI.create("http://127.0.0.1:%d".formatted(socket.getLocalPort())),
                    Optional.empty(),
                    Duration.ofSeconds(20),
                    2,
                    1))) {
      FutureTask<Double> score = new FutureTask<>(() -> reward.score(PROMPT, IMAGE));
      Thread thread = Thread.ofPlatform().start(score);
      try (Socket connection = socket.accept()) {
        connection.setSoTimeout(20_000);
        InputStream request = connection.getInputStream();
        assertThat(request.read()).isEqualTo('P');
        thread.interrupt();
        assertThatExceptionOfType(ExecutionException.class)
            .isThrownBy(score::get)
            .withCauseInstanceOf(InterruptedException.class);
        assertThat(readToTheEnd(request)).as("bytes of a request that was whole").isPositive();
      }
    }
    assertThat(time.slept()).isEmpty();
  }

  /** Fails if the other side does not end the connection. */
  private static int readToTheEnd(InputStream in) throws IOException {
    int bytes = 0;
    try {
      while (in.read() >= 0) {
        bytes++;
      }
    } catch (SocketException e) {
      return bytes; // a reset is an end too
    }
    return bytes;
  }

  @Test
  void score_manyThreads_haveAsManyRequestsAsThereMayBe() throws Exception {
    CyclicBarrier pair = new CyclicBarrier(2);
    AtomicInteger together = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    server.always(
        exchange -> {
          most.accumulateAndGet(together.incrementAndGet(), Math::max);
          await(pair);
          together.decrementAndGet();
          ChatServer.text("7382").handle(exchange);
        });
    try (VlmOcrReward reward =
            reward(new Settings(server.url(), Optional.empty(), Duration.ofSeconds(20), 0, 2));
        ExecutorService threads = Executors.newFixedThreadPool(6)) {
      List<Future<Double>> scores = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        scores.add(threads.submit(() -> reward.score(PROMPT, IMAGE)));
      }
      for (Future<Double> score : scores) {
        assertThat(score.get()).isEqualTo(1);
      }
    }
    assertThat(most).hasValue(2);
  }

  private static void await(CyclicBarrier barrier) throws IOException {
    try {
      barrier.await();
    } catch (InterruptedException | BrokenBarrierException e) {
      throw new IOException(e);
    }
  }

  @Test
  void score_serverThatGaveNothingForImagesInARow_isLeftAlone() throws Exception {
    server.always(ChatServer.says(503, "down"));
    try (VlmOcrReward reward = reward(settings(0))) {
      failure(reward);
      failure(reward);
      assertThat(failure(reward))
          .hasMessageContaining("answered 503: down (attempt 1 of 1), as for 2 images in a row")
          .hasMessageContaining("circuit breaker is open");
      assertThat(server.asked()).hasSize(2);

      time.pass(PAUSE.plusMillis(1));
      assertThat(failure(reward)).hasMessageContaining("503");
      assertThat(failure(reward)).hasMessageContaining("circuit breaker is open");
      assertThat(server.asked()).hasSize(3);

      server.always(ChatServer.text("7382"));
      time.pass(PAUSE.plusMillis(1));
      assertThat(reward.score(PROMPT, IMAGE)).isEqualTo(1);
      assertThat(reward.score(PROMPT, IMAGE)).isEqualTo(1);
      assertThat(server.asked()).hasSize(5);
    }
  }

  @Test
  void score_whileOneImageIsTried_failsAtOnce() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    server.always(ChatServer.says(503, "down"));
    try (VlmOcrReward reward = reward(settings(0));
        ExecutorService thread = Executors.newSingleThreadExecutor()) {
      failure(reward);
      failure(reward);
      time.pass(PAUSE.plusMillis(1));
      server.always(slow(asked, goOn));
      Future<Double> tried = thread.submit(() -> reward.score(PROMPT, IMAGE));
      asked.await();
      assertThat(failure(reward)).hasMessageContaining("circuit breaker is open");
      goOn.countDown();
      assertThat(tried.get()).isEqualTo(1);
      assertThat(reward.score(PROMPT, IMAGE)).isEqualTo(1);
    }
  }

  @Test
  void score_triedImageThatIsGivenUp_leavesTheTryToAnother() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    server.always(ChatServer.says(503, "down"));
    try (VlmOcrReward reward = reward(settings(0))) {
      failure(reward);
      failure(reward);
      time.pass(PAUSE.plusMillis(1));
      server.always(slow(asked, new CountDownLatch(1)));
      FutureTask<Double> tried = new FutureTask<>(() -> reward.score(PROMPT, IMAGE));
      Thread thread = Thread.ofPlatform().start(tried);
      asked.await();
      thread.interrupt();
      assertThatExceptionOfType(ExecutionException.class).isThrownBy(tried::get);
      server.always(ChatServer.text("7382"));
      assertThat(reward.score(PROMPT, IMAGE)).isEqualTo(1);
    }
  }

  private static HttpHandler slow(CountDownLatch asked, CountDownLatch goOn) {
    return exchange -> {
      asked.countDown();
      try {
        goOn.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      ChatServer.text("7382").handle(exchange);
    };
  }

  @Test
  void score_serverInOrderThatRefuses_isNotLeftAlone() {
    server.always(ChatServer.says(400, "no"));
    try (VlmOcrReward reward = reward(settings(0))) {
      for (int image = 0; image < 5; image++) {
        assertThat(failure(reward)).hasMessageContaining("400");
      }
    }
    assertThat(server.asked()).hasSize(5);
  }

  @Test
  void score_failuresWithASuccessBetween_areNotInARow() throws Exception {
    server
        .then(ChatServer.says(503, "down"))
        .then(ChatServer.text("7382"))
        .then(ChatServer.says(503, "down"))
        .always(ChatServer.text("7382"));
    try (VlmOcrReward reward = reward(settings(0))) {
      failure(reward);
      reward.score(PROMPT, IMAGE);
      failure(reward);
      assertThat(reward.score(PROMPT, IMAGE)).isEqualTo(1);
    }
  }

  @Test
  void score_afterClose_isAnError() {
    VlmOcrReward reward = reward(settings(0));
    reward.close();

    assertThatExceptionOfType(IllegalStateException.class)
        .isThrownBy(() -> reward.score(PROMPT, IMAGE));
    assertThat(server.asked()).isEmpty();
  }

  @Test
  void checkPrompt_withoutQuotedText_namesThePrompt() {
    try (VlmOcrReward reward = reward(settings(0))) {
      assertThatExceptionOfType(IllegalArgumentException.class)
          .isThrownBy(() -> reward.checkPrompt("a sign"))
          .withMessageContaining("a sign");
    }
  }

  @Test
  void identity_isThatOfTheModelWhereverItIs() {
    assertThat(reward(settings(0)).identity()).isEqualTo("vlmOcr(Qwen/VL)");
  }
}
