package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class OpenGroupsTest {

  private static final List<RolloutRow> ROWS =
      RolloutRows.repeatInterleaved(List.of("a", "b"), 2, 42, 0);
  private static final List<RewardedSample> SAMPLES = Samples.of(ROWS, true, 1, 2, 3, 4);
  private final RolloutException cause = new RolloutException("bad");

  private final OpenGroups open = new OpenGroups(ROWS);

  @Test
  void add_lastSampleOfAGroup_givesItInRowOrder() {
    assertThat(open.add(SAMPLES.get(3))).isEmpty();

    Optional<RolloutGroup> whole = open.add(SAMPLES.get(2));

    assertThat(whole).contains(new RolloutGroup(1, "b", SAMPLES.subList(2, 4)));
    assertThat(open.isEmpty()).isFalse();
  }

  @Test
  void add_sameRowTwice_countsTheFirst() {
    RewardedSample other = Samples.of(ROWS.subList(0, 1), false, 9).getFirst();

    open.add(SAMPLES.get(0));
    assertThat(open.add(other)).isEmpty();

    assertThat(open.add(SAMPLES.get(1)).orElseThrow().samples())
        .containsExactlyElementsOf(SAMPLES.subList(0, 2));
  }

  @Test
  void drop_group_namesItsRowsOnceAndIgnoresWhatComesLater() {
    open.add(SAMPLES.get(0));

    assertThat(open.drop(0, cause).orElseThrow().rows()).containsExactly(0, 1);
    assertThat(open.drop(0, cause)).isEmpty();
    assertThat(open.add(SAMPLES.get(1))).isEmpty();
  }

  @Test
  void isEmpty_everyGroupWholeOrDropped_isTrue() {
    open.drop(0, cause);
    open.add(SAMPLES.get(2));
    open.add(SAMPLES.get(3));

    assertThat(open.isEmpty()).isTrue();
  }
}
