package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.Device;
import io.flowloop.config.ModelConfig;
import io.flowloop.engine.EngineException;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class EnginesTest {

  private static ModelConfig model(String name, Device device) {
    return ModelConfig.glyph(Optional.empty(), device, 1, 32, 96).named(name);
  }

  @Test
  void of_unknownModel_isRefusedAtOnce() {
    assertThatThrownBy(() -> Engines.of(model("glif", new Device.Cpu()), 4))
        .isInstanceOf(EngineException.class)
        .hasMessage("model.name: glif (expected: glyph or qwen-image)");
  }

  @Test
  void checkPrompt_otherThanDigits_saysWhatTheModelCanDraw() {
    ModelConfig model = model("glyph", new Device.Cpu());

    Engines.checkPrompt(model, "a \"42\"");
    assertThatThrownBy(() -> Engines.checkPrompt(model, "a cat"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("a cat", "digits");
  }

  @Test
  void device_named_staysAsItIs() {
    assertThat(Engines.device(model("glyph", new Device.Gpu(3)), 1)).isEqualTo(new Device.Gpu(3));
    assertThat(Engines.device(model("glyph", new Device.Cpu()), 1)).isEqualTo(new Device.Cpu());
  }
}
