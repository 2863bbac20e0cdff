package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.engine.EngineException;
import org.junit.jupiter.api.Test;

class InterruptionTest {

  private final Interruption interruption = new Interruption();

  @Test
  void stop_duringACall_interruptsItAndLeavesNoFlagBehind() {
    boolean inside =
        interruption.call(
            () -> {
              interruption.stop();
              return Thread.currentThread().isInterrupted();
            });

    assertThat(inside).isTrue();
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
  }

  @Test
  void stop_callThatThrows_leavesNoFlagBehind() {
    assertThatThrownBy(
            () ->
                interruption.call(
                    () -> {
                      interruption.stop();
                      throw new EngineException("interrupted");
                    }))
        .hasMessage("interrupted");
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
  }

  @Test
  void stop_betweenCalls_hitsNothingAndAllowsNoOtherCall() {
    assertThat(interruption.call(() -> 1)).isEqualTo(1);

    interruption.stop();

    assertThat(Thread.currentThread().isInterrupted()).isFalse();
    assertThatThrownBy(() -> interruption.call(() -> 2))
        .isInstanceOf(EngineException.class)
        .hasMessage("the engine is being stopped");
  }
}
