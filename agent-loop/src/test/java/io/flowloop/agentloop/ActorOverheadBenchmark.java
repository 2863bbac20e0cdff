package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.Drawn;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.Sample;
import io.flowloop.engine.StepListener;
import io.flowloop.reward.Reward;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.ToyEngines;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.HdrHistogram.Histogram;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What the actors take for a group by themselves, for {@code docs/benchmarks.md}: the engines hand
 * out samples that were drawn before, and the reward is a constant; run by
 *
 * <pre>
 * mvn test -Dexcluded.tags= -Dtest=ActorOverheadBenchmark -Dsurefire.failIfNoSpecifiedTests=false
 * </pre>
 *
 * <p>Settings are the default preset's. A time is that of a whole rollout, from the caller's order
 * to the batch in its hands, over the rollout's groups.
 */
@Tag("benchmark")
class ActorOverheadBenchmark {

  private static final int WARM_UP_GROUPS = 10_000;
  private static final int GROUPS = 20_000;
  private static final long MOST_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final Reward REWARD = new Reward(0.5, Map.of("none", 0.5));
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final OperatingSystemMXBean PROCESS =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  @Test
  void group_ofSixteen_aloneAndEightAStep() {
    System.out.printf(
        "%-24s %9s %9s %9s %9s %9s %9s%n", "µs a group", "p50", "p99", "p99.9", "max", "CPU", "KB");
    measure("one group a rollout", 1, "");
    measure("eight groups a rollout", 8, "");
    measure("eight, single requests", 8, "rollout.enableBatchedDiffusion=false");
  }

  private static void measure(String way, int groups, String setting) {
    FlowLoopConfig config = config(setting);
    List<String> prompts = IntStream.range(0, groups).mapToObj(i -> "prompt " + i).toList();
    RolloutSpec spec = RolloutSpec.of(config.rollout(), config.sampler(), prompts, 0);
    Map<RowSeed, Sample> drawn = drawn(spec);
    Histogram histogram = new Histogram(MOST_NANOS, 3);
    try (RolloutRunner runner = runner(config, drawn)) {
      for (int i = 0; i < WARM_UP_GROUPS / groups; i++) {
        runner.rollout(spec, RolloutListener.NONE).join();
      }
      long cpu = PROCESS.getProcessCpuTime();
      long allocated = THREADS.getTotalThreadAllocatedBytes();
      for (int i = 0; i < GROUPS / groups; i++) {
        long begun = System.nanoTime();
        int samples = runner.rollout(spec, RolloutListener.NONE).join().samples().size();
        histogram.recordValue((System.nanoTime() - begun) / groups);
        assertThat(samples).isEqualTo(drawn.size());
      }
      cpu = PROCESS.getProcessCpuTime() - cpu;
      allocated = THREADS.getTotalThreadAllocatedBytes() - allocated;
      System.out.printf(
          "%-24s %9.0f %9.0f %9.0f %9.0f %9.0f %9.0f%n",
          way,
          histogram.getValueAtPercentile(50) / 1e3,
          histogram.getValueAtPercentile(99) / 1e3,
          histogram.getValueAtPercentile(99.9) / 1e3,
          histogram.getMaxValue() / 1e3,
          cpu / 1e3 / GROUPS,
          allocated / 1e3 / GROUPS);
    }
  }

  private static Map<RowSeed, Sample> drawn(RolloutSpec spec) {
    try (DiffusionEngine toy = new ToyEngines().create(0)) {
      return spec.rows().stream()
          .map(RolloutRow::seed)
          .map(seed -> toy.generate(new RolloutRequest("", List.of(seed), spec.sampling())))
          .map(List::getFirst)
          .collect(Collectors.toMap(Sample::row, Function.identity()));
    }
  }

  private static RolloutRunner runner(FlowLoopConfig config, Map<RowSeed, Sample> drawn) {
    return RolloutRunner.start(
        new TrainerActor.Means(
            config.rollout(),
            config.sampler(),
            config.reward(),
            AgentLoops.byName(config.rollout().agentLoop()),
            _ -> new IdleEngine(drawn),
            (_, _) -> REWARD,
            Optional.empty(),
            Optional.empty()),
        _ -> {},
        () -> {});
  }

  /** Draws nothing: it has every sample already. */
  private record IdleEngine(Map<RowSeed, Sample> drawn) implements DiffusionEngine {

    @Override
    public List<Drawn> generate(List<RolloutRequest> requests, StepListener steps) {
      return requests.stream().<Drawn>map(this::whole).toList();
    }

    private Drawn.Whole whole(RolloutRequest request) {
      return new Drawn.Whole(request.seeds().stream().map(drawn::get).toList());
    }

    @Override
    public long load(PolicyWeights weights) {
      return weights.checksum();
    }

    @Override
    public long policyVersion() {
      return 0;
    }

    @Override
    public void close() {}
  }

  private static FlowLoopConfig config(String setting) {
    ConfigSources sources = setting.isEmpty() ? ConfigSources.of() : ConfigSources.of(setting);
    return ConfigLoader.load(sources, FlowLoop.knownNames()).config();
  }
}
