package io.flowloop.agentloop;

import io.flowloop.engine.SampleTimings;
import io.flowloop.rollout.Batching;
import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;

/**
 * A rollout batch in numbers. Forwards, rewards and speed are those of the samples in the batch,
 * without dropped groups.
 *
 * @param step the training step, 0-based
 * @param rows rows asked for
 * @param groups groups in the batch
 * @param dropped groups that are missing from it, with their causes
 * @param batching how the rows went into requests
 * @param forwards denoising forwards by the number of samples in each, smallest first
 * @param oomSplits forwards that a device had no memory for and that were halved
 * @param reward over all samples
 * @param groupStdMean mean of the groups' reward stds
 * @param zeroStdGroups groups whose rewards are all the same, from which nothing can be learned
 * @param elapsed wall time from the first request to the last reward
 * @param imagesPerSecond samples in the batch over {@code elapsed}
 */
public record RolloutSummary(
    int step,
    int rows,
    int groups,
    List<DroppedGroup> dropped,
    Batching batching,
    SortedMap<Integer, Integer> forwards,
    int oomSplits,
    RewardStats reward,
    double groupStdMean,
    int zeroStdGroups,
    Duration elapsed,
    double imagesPerSecond) {

  private static final double NANOS_PER_SECOND = 1e9;

  /**
   * The numbers of a batch.
   *
   * @param batch with at least one group
   */
  public static RolloutSummary of(RolloutBatch batch) {
    List<RewardedSample> samples = batch.samples();
    List<SampleTimings> timings = samples.stream().map(s -> s.sample().timings()).toList();
    double[] groupStds =
        batch.groups().stream()
            .mapToDouble(group -> RewardStats.of(group.samples()).std())
            .toArray();
    return new RolloutSummary(
        batch.step(),
        batch.batching().rows(),
        batch.groups().size(),
        batch.dropped(),
        batch.batching(),
        SampleTimings.forwardsBySize(timings),
        SampleTimings.oomSplits(timings),
        RewardStats.of(samples),
        Arrays.stream(groupStds).average().orElseThrow(),
        (int) Arrays.stream(groupStds).filter(std -> std == 0).count(),
        batch.elapsed(),
        samples.size() * NANOS_PER_SECOND / Math.max(1, batch.elapsed().toNanos()));
  }

  /** All denoising forwards. */
  public int forwardsTotal() {
    return forwards.values().stream().mapToInt(Integer::intValue).sum();
  }
}
