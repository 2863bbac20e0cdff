package io.flowloop.reward;

import io.flowloop.config.VlmOcrConfig;
import io.flowloop.engine.RgbImage;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * How much of the text that the prompt quotes a vision-language model reads in the image, in [0,
 * 1]: {@link OcrReward} with the reading of a server.
 *
 * <p>Connects with the first score. Whatever keeps the server from a reading fails the score.
 */
final class VlmOcrReward implements RewardFunction {

  private final VlmOcrConfig config;
  private final URI url;
  private final String model;
  private final Duration limit;
  private final Map<String, String> environment;
  private final Time time;
  private Optional<VisionServer> server = Optional.empty();
  private boolean closed;

  /**
   * A function that must be closed.
   *
   * @param timeout of a reward, after which its thread is interrupted
   * @throws IllegalArgumentException without a URL or a model
   */
  VlmOcrReward(VlmOcrConfig config, Duration timeout) {
    this(config, timeout, System.getenv(), Time.steady());
  }

  /** A function with another environment and another time. */
  VlmOcrReward(VlmOcrConfig config, Duration timeout, Map<String, String> environment, Time time) {
    this.config = config;
    this.url = completions(config.url().orElseThrow(() -> missing("url")));
    this.model = config.model().orElseThrow(() -> missing("model"));
    // A little less, so that it can be told what was wrong.
    this.limit = timeout.multipliedBy(9).dividedBy(10);
    this.environment = environment;
    this.time = time;
  }

  private static URI completions(URI base) {
    return URI.create(base.toString().replaceFirst("/*$", "") + "/chat/completions");
  }

  private static IllegalArgumentException missing(String key) {
    return new IllegalArgumentException(
        "reward.functions.%s.%s: null (expected: one to read images with)"
            .formatted(VlmOcrConfig.NAME, key));
  }

  @Override
  public String name() {
    return VlmOcrConfig.NAME;
  }

  /** Without the URL: nodes may have servers of their own. */
  @Override
  public String identity() {
    return "%s(%s)".formatted(name(), model);
  }

  @Override
  public void checkPrompt(String prompt) {
    OcrScore.target(prompt);
  }

  @Override
  public double score(String prompt, RgbImage image)
      throws RewardException, IOException, InterruptedException {
    String target = OcrScore.target(prompt);
    String question = ChatJson.question(model, config.maxTokens(), image);
    return OcrScore.of(server().read(question), target);
  }

  @Override
  public synchronized void close() {
    closed = true;
    server.ifPresent(VisionServer::close);
  }

  private synchronized VisionServer server() throws RewardException {
    if (closed) {
      throw new IllegalStateException(
          "reward function %s: closed (expected: no score after that)".formatted(name()));
    }
    if (server.isEmpty()) {
      ChatClient client = new ChatClient(url, key(), time.clock());
      server = Optional.of(new VisionServer(client, config, limit, time));
    }
    return server.get();
  }

  private Optional<String> key() throws RewardException {
    if (config.apiKeyEnv().isEmpty()) {
      return Optional.empty();
    }
    String variable = config.apiKeyEnv().get();
    String key = environment.getOrDefault(variable, "").strip();
    if (!key.matches("[!-~]+")) {
      throw new RewardException(
          ("reward function %s: the environment's %s is empty or no key (expected: visible ASCII"
                  + " characters, as apiKeyEnv names it); set it for every process that scores")
              .formatted(name(), variable));
    }
    return Optional.of(key);
  }
}
