package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class AgentLoopsTest {

  @Test
  void byName_default_passesThePromptThrough() {
    AgentLoop loop = AgentLoops.byName("diffusionSingleTurn");

    assertThat(loop.engineText("a cat")).isEqualTo("a cat");
    assertThat(AgentLoops.names()).contains("diffusionSingleTurn");
  }

  @Test
  void byName_unknown_namesTheNearest() {
    assertThatThrownBy(() -> AgentLoops.byName("difusionSingleTurn"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "rollout.agentLoop: difusionSingleTurn (expected: one of [diffusionSingleTurn];"
                + " did you mean diffusionSingleTurn?)");
  }
}
