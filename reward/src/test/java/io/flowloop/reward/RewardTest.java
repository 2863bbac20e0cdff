package io.flowloop.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RewardTest {

  @Test
  void new_notFinite_isAnError() {
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> new Reward(Double.NaN, Map.of()));
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> new Reward(0, Map.of("ocr", Double.POSITIVE_INFINITY)));
  }

  @Test
  void parts_mapChangedLater_stayTheSame() {
    Map<String, Double> parts = new HashMap<>(Map.of("ocr", 1.0));
    Reward reward = new Reward(1, parts);

    parts.put("ocr", 0.0);

    assertThat(reward.parts()).containsExactly(Map.entry("ocr", 1.0));
  }
}
