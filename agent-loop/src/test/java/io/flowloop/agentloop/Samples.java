package io.flowloop.agentloop;

import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import io.flowloop.reward.Reward;
import io.flowloop.rollout.RequestPlan;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import io.flowloop.rollout.ToyEngines;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;

/** Rewarded samples without actors. */
final class Samples {

  private Samples() {}

  /** The samples of these rows, drawn batched or not, with these rewards. */
  static List<RewardedSample> of(
      List<RolloutRow> rows, boolean enableBatchedDiffusion, double... rewards) {
    RequestPlan plan = RolloutRows.requests(rows, enableBatchedDiffusion, Sampling.ode(5));
    try (DiffusionEngine engine = new ToyEngines().create(0)) {
      Iterator<Sample> samples =
          plan.requests().stream()
              .flatMap(request -> engine.generate(request).stream())
              .toList()
              .iterator();
      Iterator<Double> values = DoubleStream.of(rewards).iterator();
      return rows.stream()
          .map(
              row ->
                  new RewardedSample(
                      row, samples.next(), new Reward(values.next(), Map.of()), Map.of()))
          .toList();
    }
  }
}
