package io.flowloop.rollout;

import io.flowloop.engine.Sample;
import io.flowloop.reward.Reward;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A row with what came of it.
 *
 * @param row the row
 * @param sample the image drawn for it
 * @param reward what the image is worth
 * @param extraFields what the agent loop has to say about it, by name, in its order
 */
public record RewardedSample(
    RolloutRow row, Sample sample, Reward reward, Map<String, String> extraFields) {

  public RewardedSample {
    extraFields = Collections.unmodifiableMap(new LinkedHashMap<>(extraFields));
    if (!sample.row().equals(row.seed())) {
      throw new IllegalArgumentException(
          "sample of %s (expected: of %s)".formatted(sample.row(), row.seed()));
    }
  }

  /** The same sample with these extra fields instead. */
  public RewardedSample withExtraFields(Map<String, String> fields) {
    return new RewardedSample(row, sample, reward, fields);
  }
}
