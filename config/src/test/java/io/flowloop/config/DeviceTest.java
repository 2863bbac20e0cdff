package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DeviceTest {

  @ParameterizedTest
  @ValueSource(strings = {"auto", "cpu", "gpu:0", "gpu:15"})
  void parse_readsWhatToStringWrites(String name) {
    assertThat(Device.parse(name)).hasToString(name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "gpu", "gpu:", "gpu:-1", "gpu:99999999999", "GPU:0", "cuda:0"})
  void parse_anythingElse_isRefused(String name) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Device.parse(name))
        .withMessage("device: %s (expected: auto, cpu or gpu:<number>)", name);
  }
}
