package io.flowloop.config;

import java.net.URI;
import java.util.Optional;
import java.util.regex.Pattern;

/** The rules that the settings of rewards keep. */
final class RewardChecks {

  private static final String FUNCTIONS = "reward.functions";

  /** As POSIX has it; what is pasted in place of the name, such as a key, seldom is one. */
  private static final Pattern VARIABLE = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

  private final Findings findings;

  RewardChecks(Findings findings) {
    this.findings = findings;
  }

  void check(RewardConfig reward) {
    findings.atLeast(1, "reward.concurrency", reward.concurrency());
    findings.positive("reward.timeout", reward.timeout());
    reward
        .functions()
        .forEach(
            (name, function) -> {
              switch (function) {
                case RewardFunctionConfig.Weighted _ -> {}
                case VlmOcrConfig vlm -> check(Schema.key(FUNCTIONS, name), vlm, reward);
              }
            });
    if (findings.sound(FUNCTIONS)) {
      findings.require(
          reward.functions().values().stream().anyMatch(function -> function.weight() != 0),
          FUNCTIONS,
          "at least one reward function with a weight other than 0");
    }
  }

  private void check(String at, VlmOcrConfig vlm, RewardConfig reward) {
    server(at, vlm);
    findings.atLeast(1, at + ".maxTokens", vlm.maxTokens());
    findings.positive(at + ".timeout", vlm.timeout());
    if (findings.sound("reward.timeout", at + ".timeout")) {
      findings.require(
          vlm.timeout().compareTo(reward.timeout()) < 0,
          at + ".timeout",
          "less than %s (reward.timeout), in which all attempts at an image must fit"
              .formatted(reward.timeout()));
    }
    findings.atLeast(0, at + ".retries", vlm.retries());
    findings.atLeast(1, at + ".concurrency", vlm.concurrency());
    findings.atLeast(1, at + ".breaker.failures", vlm.breaker().failures());
    findings.positive(at + ".breaker.pause", vlm.breaker().pause());
  }

  private void server(String at, VlmOcrConfig vlm) {
    if (findings.sound(at + ".url")) {
      findings.require(
          vlm.url().filter(RewardChecks::isBase).isPresent(),
          at + ".url",
          "http:// or https://, a host (letters, digits, - and .) and a path, and no user, query or"
              + " fragment, such as http://gpu-1:8000/v1");
    }
    if (findings.sound(at + ".model")) {
      findings.require(
          vlm.model().isPresent(), at + ".model", "the model's name, as GET <url>/models tells it");
    }
    vlm.apiKeyEnv()
        .filter(name -> !VARIABLE.matcher(name).matches())
        .ifPresent(
            _ ->
                // Without the value, as it may be the key itself.
                findings.fail(
                    at + ".apiKeyEnv",
                    Optional.empty(),
                    "the name of a variable of the environment, which holds the key"));
  }

  private static boolean isBase(URI url) {
    return ("http".equalsIgnoreCase(url.getScheme()) || "https".equalsIgnoreCase(url.getScheme()))
        && url.getHost() != null
        && url.getRawUserInfo() == null
        && url.getRawQuery() == null
        && url.getRawFragment() == null;
  }
}
