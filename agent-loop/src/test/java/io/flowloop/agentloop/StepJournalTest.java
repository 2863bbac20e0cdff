package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import java.util.List;
import org.junit.jupiter.api.Test;

class StepJournalTest {

  private static final List<RolloutGroup> GROUPS = TinyJournals.groups(3);

  private static List<RolloutGroup> found(List<RolloutRow> rows) {
    return new StepJournal(List.of(GROUPS.get(2), GROUPS.get(0)), _ -> {}).of(rows);
  }

  private static List<RolloutRow> rows(int n, int step, int firstGroup, String... prompts) {
    return RolloutRows.repeatInterleaved(List.of(prompts), n, 42, step, firstGroup, n * firstGroup);
  }

  @Test
  void of_rowsOfTheStep_areTheFinishedGroupsInTheirOrder() {
    assertThat(found(rows(2, 0, 0, "p \"0\"", "p \"1\"", "p \"2\"")))
        .containsExactly(GROUPS.get(0), GROUPS.get(2));
    assertThat(found(rows(2, 0, 2, "p \"2\"", "p \"3\""))).containsExactly(GROUPS.get(2));
  }

  @Test
  void of_otherPromptPlaceSeedOrSize_isNone() {
    assertThat(found(rows(2, 0, 0, "p \"2\"", "p \"0\""))).isEmpty();
    assertThat(found(rows(2, 1, 0, "p \"0\""))).isEmpty();
    assertThat(found(rows(1, 0, 0, "p \"0\""))).isEmpty();
    assertThat(found(rows(4, 0, 0, "p \"0\""))).isEmpty();
  }
}
