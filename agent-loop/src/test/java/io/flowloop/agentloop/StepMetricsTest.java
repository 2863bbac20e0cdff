package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.flowloop.engine.HostTensor;
import io.flowloop.engine.LearnerState;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.UpdateMetrics;
import io.flowloop.reward.Reward;
import io.flowloop.rollout.Batching;
import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.PolicySnapshot;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StepMetricsTest {

  private static final UpdateMetrics UPDATE =
      new UpdateMetrics(
          2,
          1,
          0.25,
          1.5,
          0.125,
          0.75,
          0.5,
          0.25,
          1e-6,
          0.01,
          0.9,
          5e-5,
          1e-7,
          new TreeMap<>(Map.of(0, 1e-4, 2, -1e-4)),
          new TreeMap<>(Map.of(2, 6)),
          Duration.ofMillis(400),
          Duration.ofMillis(600));

  private static final TrainedStep.Times TIMES =
      new TrainedStep.Times(
          Duration.ofMillis(1000),
          Duration.ofMillis(200),
          Duration.ofMillis(1100),
          Duration.ofMillis(50));

  private final SequencedMap<String, Double> metrics =
      StepMetrics.of(step(), 2, Duration.ofMillis(2500));

  /** Two groups of two rows with rewards 0.1 0.5 and 0.3 0.3, and one that was dropped. */
  private static TrainedStep step() {
    List<RolloutRow> rows = RolloutRows.repeatInterleaved(List.of("a", "b", "c"), 2, 42, 4);
    List<RewardedSample> drawn = Samples.of(rows.subList(0, 4), true, 0.1, 0.5, 0.3, 0.3);
    List<RewardedSample> samples = new ArrayList<>();
    for (RewardedSample sample : drawn) {
      double total = sample.reward().total();
      Map<String, Double> parts = new LinkedHashMap<>();
      parts.put("ocr", total / 2);
      parts.put("size", total * 10);
      samples.add(
          new RewardedSample(sample.row(), sample.sample(), new Reward(total, parts), Map.of()));
    }
    RolloutBatch batch =
        new RolloutBatch(
            4,
            List.of(
                new RolloutGroup(0, "a", samples.subList(0, 2)),
                new RolloutGroup(1, "b", samples.subList(2, 4))),
            List.of(new DroppedGroup(2, "c", List.of(4, 5), new RolloutException("rows 4 to 5"))),
            new Batching(6, 6, 3, List.of()),
            Duration.ofMillis(1200));
    PolicyWeights weights =
        PolicyWeights.of(5, Map.of("w", new HostTensor(List.of(), new float[1])));
    LearnerState state =
        new LearnerState(
            5, 10, 0, new TreeMap<>(), new TreeMap<>(), new TreeMap<>(), new TreeMap<>());
    return new TrainedStep(
        batch,
        1,
        new double[] {-1, 2, 0, 1},
        UPDATE,
        new PolicySnapshot(weights, weights, state),
        TIMES);
  }

  @Test
  void of_step_hasTheNamesOfTheField() {
    assertThat(metrics.keySet())
        .containsExactlyElementsOf(
            Stream.of(
                    names("reward/", "mean std max min std_mean zero_std_ratio ocr_mean size_mean"),
                    names("advantage/", "mean std max min"),
                    names(
                        "policy/",
                        "loss ratio_mean ratio_std clipfrac clipfrac_higher clipfrac_lower"
                            + " approx_kl kl_loss grad_norm lr optimizer_steps skipped_steps"
                            + " fresh_ratio_error log_prob_drift/t0 log_prob_drift/t2 version"),
                    names(
                        "rollout/",
                        "rows rows_batched requests groups groups_dropped groups_journaled oom_splits"
                            + " forwards/b2"),
                    Stream.of("gen", "reward", "log_prob", "update_policy", "sync", "step")
                        .flatMap(
                            stage ->
                                Stream.of("timing_s/" + stage, "timing_per_image_ms/" + stage)),
                    names("perf/", "images_per_second throughput"))
                .flatMap(all -> all)
                .toList());
  }

  private static Stream<String> names(String prefix, String names) {
    return Stream.of(names.split(" ")).map(prefix::concat);
  }

  @ParameterizedTest
  @CsvSource({
    "reward/mean, 0.3",
    "reward/std, 0.1414213562",
    "reward/max, 0.5",
    "reward/min, 0.1",
    "reward/std_mean, 0.1",
    "reward/zero_std_ratio, 0.5",
    "reward/ocr_mean, 0.15",
    "reward/size_mean, 3",
    "advantage/mean, 0.5",
    "advantage/std, 1.1180339887",
    "advantage/max, 2",
    "advantage/min, -1",
    "policy/loss, 0.25",
    "policy/ratio_mean, 1.5",
    "policy/ratio_std, 0.125",
    "policy/clipfrac, 0.75",
    "policy/clipfrac_higher, 0.5",
    "policy/clipfrac_lower, 0.25",
    "policy/approx_kl, 1e-6",
    "policy/kl_loss, 0.01",
    "policy/grad_norm, 0.9",
    "policy/lr, 5e-5",
    "policy/optimizer_steps, 2",
    "policy/skipped_steps, 1",
    "policy/fresh_ratio_error, 1e-7",
    "policy/log_prob_drift/t0, 1e-4",
    "policy/log_prob_drift/t2, -1e-4",
    "policy/version, 5",
    "rollout/rows, 6",
    "rollout/rows_batched, 6",
    "rollout/requests, 3",
    "rollout/groups, 2",
    "rollout/groups_dropped, 1",
    "rollout/groups_journaled, 1",
    "rollout/oom_splits, 0",
    "rollout/forwards/b2, 10",
    "timing_s/gen, 1",
    "timing_s/reward, 0.2",
    "timing_s/log_prob, 0.4",
    "timing_s/update_policy, 0.6",
    "timing_s/sync, 0.05",
    "timing_s/step, 2.5",
    "timing_per_image_ms/gen, 250",
    "timing_per_image_ms/step, 625",
    "perf/images_per_second, 1.6",
    "perf/throughput, 0.8"
  })
  void of_step_hasTheNumbers(String name, double expected) {
    assertThat(metrics.getOrDefault(name, Double.NaN)).isCloseTo(expected, within(1e-9));
  }
}
