package io.flowloop.agentloop.http;

import io.flowloop.rollout.EngineRouter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.time.Duration;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/**
 * The router's figures as meters, as they were at the last {@link #update}.
 *
 * <p>Thread-safe.
 */
final class LoopMeters {

  private static final EngineRouter.Stats NONE =
      new EngineRouter.Stats(
          0, Duration.ZERO, 0, List.of(), List.of(), List.of(), 0, 0, 0, new TreeMap<>());

  private final MeterRegistry registry;
  private volatile EngineRouter.Stats latest = NONE;
  private int engines;

  LoopMeters(MeterRegistry registry) {
    this.registry = registry;
    gauge("requests.waiting", "rollout requests that no engine has", EngineRouter.Stats::waiting);
    gauge(
        "queue.age.seconds",
        "time since the oldest waiting request came",
        stats -> stats.oldestWaiting().toNanos() / 1e9);
    gauge("engines.ready", "engines that take requests", EngineRouter.Stats::ready);
    count(
        "requests.retried",
        "leases of requests that an engine had before",
        EngineRouter.Stats::retries);
    count(
        "results.late",
        "results that were dropped, as their request had been answered",
        EngineRouter.Stats::lateResults);
    count(
        "oom.splits",
        "forwards that were halved for want of memory",
        EngineRouter.Stats::oomSplits);
  }

  EngineRouter.Stats latest() {
    return latest;
  }

  synchronized void update(EngineRouter.Stats stats) {
    latest = stats;
    for (; engines < stats.leases().size(); engines++) {
      perEngine(engines);
    }
    stats.forwardsByRows().keySet().forEach(this::forwards);
  }

  private void perEngine(int engine) {
    gauge(engine, "leases", "requests that the engine has", EngineRouter.Stats::leases);
    gauge(
        engine,
        "samples.outstanding",
        "samples of those requests",
        EngineRouter.Stats::samplesOutstanding);
    gauge(
        engine,
        "policy.version",
        "version of the weights that the engine draws with",
        EngineRouter.Stats::policyVersions);
  }

  private void gauge(String name, String what, ToDoubleFunction<EngineRouter.Stats> value) {
    Gauge.builder("flowloop." + name, this, me -> value.applyAsDouble(me.latest))
        .description(what)
        .register(registry);
  }

  private void gauge(
      int engine,
      String name,
      String what,
      Function<EngineRouter.Stats, List<? extends Number>> values) {
    Gauge.builder("flowloop." + name, this, me -> values.apply(me.latest).get(engine).doubleValue())
        .description(what)
        .tags(Tags.of("engine", String.valueOf(engine)))
        .register(registry);
  }

  private void count(String name, String what, ToDoubleFunction<EngineRouter.Stats> value) {
    FunctionCounter.builder("flowloop." + name, this, me -> value.applyAsDouble(me.latest))
        .description(what)
        .register(registry);
  }

  /** Registering a meter again is nothing. */
  private void forwards(int rows) {
    FunctionCounter.builder(
            "flowloop.forwards",
            this,
            me -> me.latest.forwardsByRows().getOrDefault(rows, 0L).doubleValue())
        .description("denoising forwards, by the samples in each")
        .tags(Tags.of("rows", String.valueOf(rows)))
        .register(registry);
  }
}
