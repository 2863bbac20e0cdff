package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.flowloop.rollout.Batching;
import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RolloutSummaryTest {

  private static final List<RolloutRow> ROWS =
      RolloutRows.repeatInterleaved(List.of("a", "b", "c"), 2, 42, 0);

  @Test
  void of_batch_countsRowsGroupsAndSpeed() {
    RolloutSummary summary = RolloutSummary.of(batch(true));

    assertThat(summary.rows()).isEqualTo(6);
    assertThat(summary.groups()).isEqualTo(2);
    assertThat(summary.dropped()).extracting(DroppedGroup::prompt).containsExactly("c");
    assertThat(summary.imagesPerSecond()).isEqualTo(2);
  }

  @Test
  void of_batch_givesTheRewardsOfItsSamples() {
    RolloutSummary summary = RolloutSummary.of(batch(true));

    // Rewards 0.1 0.5 | 0.3 0.3: deviations ±0.2 and 0 around 0.3.
    assertThat(summary.reward().mean()).isCloseTo(0.3, within(1e-12));
    assertThat(summary.reward().std()).isCloseTo(0.2 / Math.sqrt(2), within(1e-12));
    assertThat(summary.reward().min()).isEqualTo(0.1);
    assertThat(summary.reward().max()).isEqualTo(0.5);
    assertThat(summary.groupStdMean()).isCloseTo(0.1, within(1e-12));
    assertThat(summary.zeroStdGroups()).isEqualTo(1);
  }

  @Test
  void of_batchedSamples_countForwardsOnceASubBatch() {
    RolloutSummary summary = RolloutSummary.of(batch(true));

    assertThat(summary.forwards()).isEqualTo(Map.of(2, 10));
    assertThat(summary.forwardsTotal()).isEqualTo(10);
  }

  @Test
  void of_singleSamples_countForwardsOfEach() {
    RolloutSummary summary = RolloutSummary.of(batch(false));

    assertThat(summary.forwards()).isEqualTo(Map.of(1, 20));
    assertThat(summary.forwardsTotal()).isEqualTo(20);
  }

  @Test
  void of_samplesOfSeveralSizes_keepsThemApart() {
    List<RewardedSample> batched = Samples.of(ROWS.subList(0, 4), true, 1, 1, 1, 1);
    List<RewardedSample> single = Samples.of(ROWS.subList(4, 6), false, 1, 1);
    RolloutBatch batch =
        new RolloutBatch(
            0,
            List.of(
                new RolloutGroup(0, "a", batched.subList(0, 2)),
                new RolloutGroup(1, "b", batched.subList(2, 4)),
                new RolloutGroup(2, "c", single)),
            List.of(),
            Batching.NONE,
            Duration.ofSeconds(1));

    assertThat(RolloutSummary.of(batch).forwards()).isEqualTo(Map.of(1, 10, 2, 10));
  }

  /** Groups a and b drawn, c dropped, in two seconds. */
  private static RolloutBatch batch(boolean enableBatchedDiffusion) {
    List<RewardedSample> samples =
        Samples.of(ROWS.subList(0, 4), enableBatchedDiffusion, 0.1, 0.5, 0.3, 0.3);
    return new RolloutBatch(
        0,
        List.of(
            new RolloutGroup(0, "a", samples.subList(0, 2)),
            new RolloutGroup(1, "b", samples.subList(2, 4))),
        List.of(new DroppedGroup(2, "c", List.of(4, 5), new RolloutException("bad"))),
        new Batching(6, enableBatchedDiffusion ? 6 : 0, 3, List.of()),
        Duration.ofSeconds(2));
  }
}
