package io.flowloop.agentloop;

import io.flowloop.engine.UpdateMetrics;
import io.flowloop.reward.GroupStats;
import io.flowloop.rollout.RewardedSample;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.DoubleStream;

/** The numbers of a training step by the metric names that the field uses. */
final class StepMetrics {

  private static final double NANOS_PER_SECOND = 1e9;
  private static final double MILLIS_PER_SECOND = 1e3;

  private final SequencedMap<String, Double> values = new LinkedHashMap<>();

  private StepMetrics() {}

  /**
   * The numbers of a step.
   *
   * @param engines how many drew, for the throughput of each
   * @param elapsed wall time of the step
   */
  static SequencedMap<String, Double> of(TrainedStep step, int engines, Duration elapsed) {
    StepMetrics metrics = new StepMetrics();
    RolloutSummary summary = RolloutSummary.of(step.batch());
    metrics.addRewards(summary, step.batch().samples());
    metrics.addAdvantages(step.advantages());
    metrics.addUpdate(step.metrics());
    metrics.values.put("policy/version", (double) step.policy().version());
    metrics.addRollout(summary, step.journaled());
    metrics.addTimes(step, engines, elapsed);
    return metrics.values;
  }

  private void addRewards(RolloutSummary summary, List<RewardedSample> samples) {
    RewardStats reward = summary.reward();
    values.put("reward/mean", reward.mean());
    values.put("reward/std", reward.std());
    values.put("reward/max", reward.max());
    values.put("reward/min", reward.min());
    values.put("reward/std_mean", summary.groupStdMean());
    values.put("reward/zero_std_ratio", (double) summary.zeroStdGroups() / summary.groups());
    samples
        .getFirst()
        .reward()
        .parts()
        .keySet()
        .forEach(
            name ->
                values.put(
                    "reward/" + name + "_mean",
                    samples.stream()
                        .mapToDouble(s -> s.reward().parts().getOrDefault(name, Double.NaN))
                        .average()
                        .orElse(Double.NaN)));
  }

  private void addAdvantages(double[] advantages) {
    GroupStats stats = GroupStats.of(advantages);
    values.put("advantage/mean", stats.mean());
    values.put("advantage/std", stats.std());
    values.put("advantage/max", DoubleStream.of(advantages).max().orElseThrow());
    values.put("advantage/min", DoubleStream.of(advantages).min().orElseThrow());
  }

  private void addUpdate(UpdateMetrics update) {
    values.put("policy/loss", update.loss());
    values.put("policy/ratio_mean", update.ratioMean());
    values.put("policy/ratio_std", update.ratioStd());
    values.put("policy/clipfrac", update.clipFraction());
    values.put("policy/clipfrac_higher", update.clipFractionHigher());
    values.put("policy/clipfrac_lower", update.clipFractionLower());
    values.put("policy/approx_kl", update.approxKl());
    values.put("policy/kl_loss", update.klLoss());
    values.put("policy/grad_norm", update.gradientNorm());
    values.put("policy/lr", update.learningRate());
    values.put("policy/optimizer_steps", (double) update.optimizerSteps());
    values.put("policy/skipped_steps", (double) update.skippedSteps());
    values.put("policy/fresh_ratio_error", update.freshRatioError());
    update.logProbDrift().forEach((i, drift) -> values.put("policy/log_prob_drift/t" + i, drift));
  }

  private void addRollout(RolloutSummary summary, int journaled) {
    values.put("rollout/rows", (double) summary.rows());
    values.put("rollout/rows_batched", (double) summary.batching().rowsBatched());
    values.put("rollout/requests", (double) summary.batching().requests());
    values.put("rollout/groups", (double) summary.groups());
    values.put("rollout/groups_dropped", (double) summary.dropped().size());
    values.put("rollout/groups_journaled", (double) journaled);
    values.put("rollout/oom_splits", (double) summary.oomSplits());
    summary
        .forwards()
        .forEach((rows, count) -> values.put("rollout/forwards/b" + rows, (double) count));
  }

  private void addTimes(TrainedStep step, int engines, Duration elapsed) {
    int images = step.batch().samples().size();
    addTime("gen", step.times().generate(), images);
    addTime("reward", step.times().reward(), images);
    addTime("log_prob", step.metrics().logProbTime(), images);
    addTime("update_policy", step.metrics().updateTime(), images);
    addTime("sync", step.times().sync(), images);
    addTime("step", elapsed, images);
    double imagesPerSecond = images / Math.max(Double.MIN_NORMAL, seconds(elapsed));
    values.put("perf/images_per_second", imagesPerSecond);
    values.put("perf/throughput", imagesPerSecond / engines);
  }

  private void addTime(String stage, Duration time, int images) {
    values.put("timing_s/" + stage, seconds(time));
    values.put(
        "timing_per_image_ms/" + stage, seconds(time) * MILLIS_PER_SECOND / Math.max(1, images));
  }

  private static double seconds(Duration time) {
    return time.toNanos() / NANOS_PER_SECOND;
  }
}
