package io.flowloop.config;

import java.net.URI;
import java.time.Duration;
import java.util.Optional;

/**
 * The reward function that has the text of an image read by a vision-language model, behind a
 * server that speaks as OpenAI's does.
 *
 * @param url of the server's API, without {@code /chat/completions}
 * @param model as the server names it
 * @param apiKeyEnv variable of the environment that holds the server's key, if it wants one
 * @param maxTokens longest answer, in the model's tokens
 * @param timeout longest wait for one answer, its last byte included
 * @param retries further attempts at an image while the server does not answer
 * @param concurrency requests to the server at the same time
 * @param breaker when the server is left alone
 */
public record VlmOcrConfig(
    double weight,
    Optional<URI> url,
    Optional<String> model,
    Optional<String> apiKeyEnv,
    int maxTokens,
    Duration timeout,
    int retries,
    int concurrency,
    BreakerConfig breaker)
    implements RewardFunctionConfig {

  /** The function's name in {@code reward.functions}. */
  public static final String NAME = "vlmOcr";
}
