package io.flowloop.agentloop;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rollouts whose images are read by a server. */
class VlmOcrRolloutTest {

  private static final String READING =
      """
      {"choices": [{"message": {"role": "assistant", "content": "12"}, "finish_reason": "stop"}]}
      """;

  private final AtomicInteger requests = new AtomicInteger();
  private final HttpServer server;
  private final TinyLoop tiny;

  VlmOcrRolloutTest(@TempDir Path dir) throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    tiny = new TinyLoop(dir);
  }

  @BeforeEach
  void start() {
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  @Test
  void rollout_serverThatReads_isRewardedByItsReadings() {
    answer(200, READING);
    try (FlowLoop loop = loop()) {
      assertThat(loop.rollout(TinyLoop.PROMPTS).samples())
          .hasSize(TinyLoop.ROWS)
          .allSatisfy(
              sample ->
                  assertThat(sample.reward().parts())
                      .isEqualTo(Map.of("vlmOcr", quotes12(sample) ? 1.0 : 0.0)))
          .extracting(sample -> sample.reward().total())
          .contains(0.5, 0.0);
    }
    assertThat(requests).hasValue(TinyLoop.ROWS);
  }

  private static boolean quotes12(RewardedSample sample) {
    return sample.row().prompt().contains("\"12\"");
  }

  @Test
  void rollout_serverThatIsDown_failsAndNamesIt() {
    answer(503, "down");
    try (FlowLoop loop = loop()) {
      assertThatThrownBy(() -> loop.rollout(TinyLoop.PROMPTS))
          .isInstanceOf(RolloutException.class)
          .hasStackTraceContaining(url() + "/chat/completions answered 503: down");
    }
  }

  private FlowLoop loop() {
    return FlowLoop.builder(
            tiny.config(
                "reward.functions.ocr=null",
                "reward.functions.vlmOcr.weight=0.5",
                "reward.functions.vlmOcr.url=" + url(),
                "reward.functions.vlmOcr.model=any",
                "reward.functions.vlmOcr.retries=0"))
        .engines(tiny.engines)
        .promptCheck(_ -> {})
        .build();
  }

  private String url() {
    return "http://127.0.0.1:%d/v1".formatted(server.getAddress().getPort());
  }

  private void answer(int status, String body) {
    var _ = server.createContext("/", exchange -> answer(exchange, status, body.getBytes(UTF_8)));
  }

  private void answer(HttpExchange exchange, int status, byte[] body) throws IOException {
    requests.incrementAndGet();
    exchange.getRequestBody().readAllBytes();
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }
}
