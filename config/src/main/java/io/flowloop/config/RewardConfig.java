package io.flowloop.config;

import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * What an image is worth: a weighted sum of reward functions, and how they are run.
 *
 * @param functions by name, in the order of the names
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
  }

  /** The same with these functions. */
  public RewardConfig withFunctions(Map<String, RewardFunctionConfig> others) {
    return new RewardConfig(others, concurrency, timeout, onFailure);
  }

  /** The weight of each function, in the order of the names. */
  public Map<String, Double> weights() {
    Map<String, Double> weights = new TreeMap<>();
    functions.forEach((name, function) -> weights.put(name, function.weight()));
    return weights;
  }
}
