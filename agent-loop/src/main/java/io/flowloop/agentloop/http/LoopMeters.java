package io.flowloop.agentloop.http;

import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.RewardPool;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/**
 * A running loop as meters and conditions: what its router and its reward pool said last.
 *
 * <p>Thread-safe.
 */
public final class LoopMeters implements Watched {

  /** Longest wait for the figures; after it a scrape shows the last ones. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private static final LoopStats NONE =
      new LoopStats(
          new EngineRouter.Stats(
              0, Duration.ZERO, 0, 0, List.of(), List.of(), List.of(), 0, 0, 0, new TreeMap<>()),
          new RewardPool.Stats(0, 0, 0));

  private final Supplier<CompletionStage<LoopStats>> source;
  private volatile LoopStats latest = NONE;
  private volatile boolean answered;
  private Optional<MeterRegistry> registry = Optional.empty();
  private int engines;

  /**
   * Meters of a loop.
   *
   * @param source asks for its figures
   */
  public LoopMeters(Supplier<CompletionStage<LoopStats>> source) {
    this.source = source;
  }

  @Override
  public CompletionStage<?> refresh() {
    return source
        .get()
        .toCompletableFuture()
        .orTimeout(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)
        .thenAccept(this::update)
        .handle((_, failure) -> answered = failure == null);
  }

  private synchronized void update(LoopStats stats) {
    latest = stats;
    registry.ifPresent(this::registerSeries);
  }

  /** A loop that does not say how it is, is not ready. */
  @Override
  public SequencedMap<String, Boolean> conditions() {
    SequencedMap<String, Boolean> conditions = new LinkedHashMap<>();
    conditions.put("enginesReady", answered && latest.engines().ready() > 0);
    return conditions;
  }

  @Override
  public synchronized void bindTo(MeterRegistry target) {
    registry = Optional.of(target);
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
    rewards("rewards.waiting", "portions of images that no thread scores", s -> s.waiting());
    rewards("rewards.busy", "portions of images that are being scored", s -> s.busy());
    FunctionCounter.builder("flowloop.rewards.failed", this, me -> me.latest.rewards().failures())
        .description("images that a reward function could not score")
        .register(target);
  }

  private void registerSeries(MeterRegistry target) {
    EngineRouter.Stats stats = latest.engines();
    for (; engines < stats.leases().size(); engines++) {
      perEngine(target, engines);
    }
    stats.forwardsByRows().keySet().forEach(rows -> forwards(target, rows));
  }

  private void perEngine(MeterRegistry target, int engine) {
    gauge(target, engine, "leases", "requests that the engine has", s -> s.leases().get(engine));
    gauge(
        target,
        engine,
        "samples.outstanding",
        "samples of those requests",
        s -> s.samplesOutstanding().get(engine));
    gauge(
        target,
        engine,
        "policy.version",
        "version of the weights that the engine draws with",
        s -> s.policyVersions().get(engine));
    gauge(
        target,
        engine,
        "policy.lag",
        "versions that the engine is behind the last sync",
        s -> s.policyVersion() - s.policyVersions().get(engine));
  }

  private void gauge(String name, String what, ToDoubleFunction<EngineRouter.Stats> value) {
    registry.ifPresent(
        target ->
            Gauge.builder("flowloop." + name, this, me -> value.applyAsDouble(me.latest.engines()))
                .description(what)
                .register(target));
  }

  private void gauge(
      MeterRegistry target,
      int engine,
      String name,
      String what,
      ToDoubleFunction<EngineRouter.Stats> value) {
    Gauge.builder("flowloop." + name, this, me -> value.applyAsDouble(me.latest.engines()))
        .description(what)
        .tags(Tags.of("engine", String.valueOf(engine)))
        .register(target);
  }

  private void rewards(String name, String what, ToDoubleFunction<RewardPool.Stats> value) {
    registry.ifPresent(
        target ->
            Gauge.builder("flowloop." + name, this, me -> value.applyAsDouble(me.latest.rewards()))
                .description(what)
                .register(target));
  }

  private void count(String name, String what, ToDoubleFunction<EngineRouter.Stats> value) {
    registry.ifPresent(
        target ->
            FunctionCounter.builder(
                    "flowloop." + name, this, me -> value.applyAsDouble(me.latest.engines()))
                .description(what)
                .register(target));
  }

  /** Registering a meter again is nothing. */
  private void forwards(MeterRegistry target, int rows) {
    FunctionCounter.builder(
            "flowloop.forwards",
            this,
            me -> me.latest.engines().forwardsByRows().getOrDefault(rows, 0L).doubleValue())
        .description("denoising forwards, by the samples in each")
        .tags(Tags.of("rows", String.valueOf(rows)))
        .register(target);
  }
}
