package io.flowloop.config;

import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * What an image is worth: a weighted sum of reward functions, and how they are run.
 *
 * @param functions by name, in the order of the names; those that are used
 * @param concurrency images scored at the same time
 * @param timeout longest wait for the reward of one image
 * @param onFailure what happens to a reward that failed twice
 */
public record RewardConfig(
    Map<String, RewardFunctionConfig> functions,
    int concurrency,
    Duration timeout,
    OnFailure onFailure) {

  public RewardConfig {
    functions = Collections.unmodifiableMap(new TreeMap<>(functions));
    functions.forEach(
        (name, function) -> {
          if (!settingsOf(name).isInstance(function)) {
            throw new IllegalArgumentException(
                "reward function %s: %s (expected: %s; another function needs another name)"
                    .formatted(name, function, settingsOf(name).getSimpleName()));
          }
        });
  }

  /** What the settings of a function of this name are. */
  static Class<? extends RewardFunctionConfig> settingsOf(String name) {
    return name.equals(VlmOcrConfig.NAME)
        ? VlmOcrConfig.class
        : RewardFunctionConfig.Weighted.class;
  }

  /** The same with these functions. */
  public RewardConfig withFunctions(Map<String, RewardFunctionConfig> others) {
    return new RewardConfig(others, concurrency, timeout, onFailure);
  }
}
