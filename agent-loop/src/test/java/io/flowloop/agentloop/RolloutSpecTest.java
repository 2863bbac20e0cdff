package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.engine.Sampling;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class RolloutSpecTest {

  private static final RolloutSpec SPEC =
      new RolloutSpec(3, List.of("a", "b"), 4, 42, Sampling.ode(2), 0, 0);

  @Test
  void behind_twice_goesOnWithGroupsAndRows() {
    RolloutSpec second = SPEC.behind(List.of("c"));
    RolloutSpec third = second.behind(List.of("d"));

    List<RolloutRow> all =
        Stream.of(SPEC, second, third).flatMap(spec -> spec.rows().stream()).toList();
    assertThat(all).isEqualTo(RolloutRows.repeatInterleaved(List.of("a", "b", "c", "d"), 4, 42, 3));
  }

  @Test
  void create_numbersOutOfRange_areRefused() {
    assertThatThrownBy(() -> new RolloutSpec(3, List.of("a"), 0, 42, Sampling.ode(2), 0, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("n: 0 (expected: 1 or more)");
    assertThatThrownBy(() -> new RolloutSpec(3, List.of("a"), 1, 42, Sampling.ode(2), 0, -1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("first row -1");
  }
}
