package io.flowloop.agentloop.bench;

import io.flowloop.agentloop.AgentLoop;
import io.flowloop.agentloop.AgentLoops;
import io.flowloop.agentloop.SdeWindows;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * {@link Way#ENGINE}: engines that take the requests that actors would send them from one queue.
 */
final class EngineRunner implements CellRunner {

  private final EnginePool pool;
  private final List<RolloutRequest> requests;

  EngineRunner(BenchSpec spec, Cell cell, EnginePool pool) {
    this.pool = pool;
    this.requests = requests(spec.config(cell), spec.prompts());
  }

  private static List<RolloutRequest> requests(FlowLoopConfig config, List<String> prompts) {
    long seed = config.rollout().seed();
    AgentLoop agentLoop = AgentLoops.byName(config.rollout().agentLoop());
    List<RolloutRow> rows =
        RolloutRows.repeatInterleaved(
            prompts.stream().map(agentLoop::engineText).toList(), config.rollout().n(), seed, STEP);
    return RolloutRows.requests(
            rows,
            config.rollout().enableBatchedDiffusion(),
            SdeWindows.sampling(config.sampler(), seed, STEP))
        .requests();
  }

  @Override
  public List<Sample> draw() {
    AtomicInteger next = new AtomicInteger();
    return pool.everywhere(engine -> drawRest(engine, next)).stream()
        .flatMap(List::stream)
        .sorted(Comparator.comparingInt(sample -> sample.row().row()))
        .toList();
  }

  private List<Sample> drawRest(DiffusionEngine engine, AtomicInteger next) {
    List<Sample> samples = new ArrayList<>();
    for (int i = next.getAndIncrement(); i < requests.size(); i = next.getAndIncrement()) {
      samples.addAll(pool.generate(engine, requests.get(i)));
    }
    return samples;
  }

  @Override
  public void close() {}
}
