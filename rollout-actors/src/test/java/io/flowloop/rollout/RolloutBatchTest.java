package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import io.flowloop.reward.Reward;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RolloutBatchTest {

  private static final List<RolloutRow> ROWS =
      RolloutRows.repeatInterleaved(List.of("a", "b", "c"), 2, 42, 0);

  @Test
  void create_groupsInAnyOrder_sortsThem() {
    RolloutBatch batch = batch(List.of(group(2), group(0)), List.of(dropped(1)));

    assertThat(batch.groups()).extracting(RolloutGroup::index).containsExactly(0, 2);
    assertThat(batch.samples())
        .extracting(sample -> sample.row().index())
        .containsExactly(0, 1, 4, 5);
  }

  @Test
  void checkedAgainst_everyRowAsSampleOrDropped_isTheBatch() {
    RolloutBatch batch = batch(List.of(group(2), group(0)), List.of(dropped(1)));

    assertThat(batch.checkedAgainst(ROWS)).isSameAs(batch);
  }

  @Test
  void checkedAgainst_rowsMissing_namesThem() {
    RolloutBatch batch = batch(List.of(group(0), group(2)), List.of());

    assertThatThrownBy(() -> batch.checkedAgainst(ROWS))
        .isInstanceOf(RolloutException.class)
        .hasMessageContaining("rows missing: [2, 3]");
  }

  @Test
  void checkedAgainst_groupTwice_namesItsRows() {
    RolloutBatch batch = batch(List.of(group(0), group(1), group(2)), List.of(dropped(1)));

    assertThatThrownBy(() -> batch.checkedAgainst(ROWS))
        .hasMessageContaining("rows missing: []")
        .hasMessageContaining("there twice: [2, 3]");
  }

  @Test
  void plus_laterBatch_holdsTheGroupsOfBoth() {
    RolloutBatch both =
        batch(List.of(group(0)), List.of(dropped(1))).plus(batch(List.of(group(2)), List.of()));

    assertThat(both.checkedAgainst(ROWS).groups())
        .extracting(RolloutGroup::index)
        .containsExactly(0, 2);
    assertThat(both.elapsed()).isEqualTo(Duration.ofSeconds(2));
  }

  @Test
  void requireGroups_everyGroupDropped_tellsTheFirstCause() {
    RolloutBatch batch = batch(List.of(), List.of(dropped(1), dropped(0)));

    assertThatThrownBy(batch::requireGroups)
        .isInstanceOf(RolloutException.class)
        .hasMessage("all 2 groups failed, one of them: bad");
  }

  @Test
  void requireGroups_oneGroup_isTheBatch() {
    RolloutBatch batch = batch(List.of(group(0)), List.of(dropped(1), dropped(2)));

    assertThat(batch.requireGroups()).isSameAs(batch);
  }

  private static RolloutBatch batch(List<RolloutGroup> groups, List<DroppedGroup> dropped) {
    return new RolloutBatch(0, groups, dropped, Batching.NONE, Duration.ofSeconds(1));
  }

  private static RolloutGroup group(int index) {
    List<RolloutRow> rows = ROWS.subList(2 * index, 2 * index + 2);
    try (DiffusionEngine engine = new ToyEngines().create(0)) {
      List<Sample> samples =
          engine.generate(RolloutRows.requests(rows, true, Sampling.ode(2)).requests().getFirst());
      Reward reward = new Reward(1, Map.of());
      return new RolloutGroup(
          index,
          rows.getFirst().prompt(),
          List.of(
              new RewardedSample(rows.get(0), samples.get(0), reward, Map.of()),
              new RewardedSample(rows.get(1), samples.get(1), reward, Map.of())));
    }
  }

  private static DroppedGroup dropped(int index) {
    return new DroppedGroup(
        index,
        ROWS.get(2 * index).prompt(),
        List.of(2 * index, 2 * index + 1),
        new RolloutException("bad"));
  }
}
