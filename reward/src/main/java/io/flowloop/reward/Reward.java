package io.flowloop.reward;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The reward of one image.
 *
 * @param total weighted sum of the parts, finite
 * @param parts score of each function by its name, before its weight, finite; in the order of the
 *     configuration
 */
public record Reward(double total, Map<String, Double> parts) {

  public Reward {
    parts = Collections.unmodifiableMap(new LinkedHashMap<>(parts));
    if (!Double.isFinite(total) || !parts.values().stream().allMatch(Double::isFinite)) {
      throw new IllegalArgumentException(
          "reward: %s of parts %s (expected: finite numbers)".formatted(total, parts));
    }
  }
}
