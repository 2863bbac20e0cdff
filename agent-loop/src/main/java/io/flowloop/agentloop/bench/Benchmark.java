package io.flowloop.agentloop.bench;

import io.flowloop.agentloop.Engines;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.Sample;
import io.flowloop.engine.SampleTimings;
import io.flowloop.engine.TorchRuntime;
import io.flowloop.rollout.RolloutException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.LongSummaryStatistics;
import java.util.OptionalLong;
import java.util.SequencedMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;

/**
 * Measures all cells of a {@link BenchSpec} in one run. For each number of rows the cells take
 * their turns one after the other, iteration by iteration (A B C A B C …), so that a machine that
 * is slower for a while is so for all of them. All cells draw the same rows with the same seeds on
 * the same engines.
 */
public final class Benchmark {

  private static final double NANOS_PER_SECOND = 1e9;

  /** Is told how a benchmark goes, on the thread that runs it. */
  public interface Listener {

    /** The engines are there. */
    default void onLoaded() {}

    /**
     * An iteration of a cell has ended.
     *
     * @param iteration 1-based; 0 and below are warm-up
     * @param imagesDone of {@link BenchSpec#images}
     */
    default void onMeasured(Cell cell, int iteration, Measurement measured, long imagesDone) {}
  }

  private final BenchSpec spec;
  private final Listener listener;
  private final SequencedMap<Cell, CellResult> results = new LinkedHashMap<>();
  private final AtomicReference<Runnable> onStop = new AtomicReference<>(() -> {});
  private volatile boolean stopped;
  private Cost actorSetUp = new Cost(0, 0, 0);
  private long imagesDone;

  public Benchmark(BenchSpec spec, Listener listener) {
    this.spec = spec;
    this.listener = listener;
  }

  /**
   * Ends {@link #run}, which then returns what was measured so far: what runs is given up at the
   * engines' next denoising step. Any thread may call it.
   */
  public void stop() {
    stopped = true;
    onStop.get().run();
  }

  /**
   * Runs it; once only.
   *
   * @throws EngineException if the model cannot be loaded, a forward fails, or a cell draws others
   *     than its rows
   * @throws RolloutException if a rollout fails
   */
  public BenchResult run() {
    FlowLoopConfig config = spec.config();
    Cost before = Cost.now();
    try (EnginePool pool =
        EnginePool.load(
            Engines.of(config.model(), config.rollout().maxRowsPerForward()),
            config.rollout().engines())) {
      Cost engineSetUp = Cost.now().since(before);
      listener.onLoaded();
      onStop.set(pool::stop);
      try {
        // The most rows first: iterations of few rows are too short to warm the JVM up.
        spec.rows().stream().sorted(Comparator.reverseOrder()).forEach(n -> measure(n, pool));
      } catch (EngineException | RolloutException e) {
        if (!stopped) {
          throw e;
        }
      }
      return new BenchResult(spec, engineSetUp, actorSetUp, inOrder(), stopped);
    }
  }

  /** The results so far, in the order of the rows that were asked for. */
  private List<CellResult> inOrder() {
    return results.values().stream()
        .sorted(Comparator.comparingInt(result -> spec.rows().indexOf(result.cell().rows())))
        .toList();
  }

  private void measure(int n, EnginePool pool) {
    SequencedMap<Cell, CellRunner> runners = new LinkedHashMap<>();
    try {
      Cost before = Cost.now();
      spec.cells(n).forEach(cell -> runners.put(cell, runner(cell, pool)));
      actorSetUp = actorSetUp.plus(Cost.now().since(before));
      SameSamples same = new SameSamples(n * spec.prompts().size());
      for (int i = 1 - spec.warmUp(); i <= spec.iterations(); i++) {
        int iteration = i;
        runners.forEach((cell, runner) -> turn(cell, iteration, measure(cell, runner, same, pool)));
      }
    } finally {
      runners.values().forEach(CellRunner::close);
    }
  }

  private CellRunner runner(Cell cell, EnginePool pool) {
    return switch (cell.way()) {
      case ENGINE -> new EngineRunner(spec, cell, pool);
      case ACTORS, ACTORS_WITH_REWARDS -> new ActorRunner(spec, cell, pool);
    };
  }

  private Measurement measure(Cell cell, CellRunner runner, SameSamples same, EnginePool pool) {
    if (stopped) {
      throw new EngineException("the benchmark was stopped");
    }
    Cost before = Cost.now();
    long begun = System.nanoTime();
    List<Sample> samples = runner.draw();
    Cost cost = Cost.now().since(before);
    List<SampleTimings> timings = samples.stream().map(Sample::timings).toList();
    return new Measurement(
        samples.size(),
        cost,
        SampleTimings.forwardsBySize(timings),
        denoiseSeconds(timings),
        queue(pool, begun),
        Memory.peakRss(),
        deviceMemory(),
        same.difference(cell, samples));
  }

  /** Each sub-batch tells its time once for each of its samples. */
  private static double denoiseSeconds(List<SampleTimings> samples) {
    return samples.stream()
        .mapToDouble(
            sample -> sample.denoise().toNanos() / NANOS_PER_SECOND / sample.rowsPerForward())
        .sum();
  }

  private static Measurement.Queue queue(EnginePool pool, long begun) {
    LongSummaryStatistics waits = new LongSummaryStatistics();
    pool.takeStarts(start -> waits.accept(start - begun));
    return new Measurement.Queue(
        waits.getAverage() / NANOS_PER_SECOND, waits.getMax() / NANOS_PER_SECOND);
  }

  private OptionalLong deviceMemory() {
    return IntStream.range(0, spec.config().rollout().engines())
        .mapToObj(engine -> Engines.device(spec.config().model(), engine))
        .distinct()
        .map(TorchRuntime::memoryInUse)
        .filter(OptionalLong::isPresent)
        .map(OptionalLong::getAsLong)
        .reduce(Long::sum)
        .map(OptionalLong::of)
        .orElseGet(OptionalLong::empty);
  }

  private void turn(Cell cell, int iteration, Measurement measured) {
    CellResult old = results.getOrDefault(cell, new CellResult(cell, List.of(), List.of()));
    results.put(
        cell,
        iteration < 1
            ? new CellResult(cell, with(old.warmUps(), measured), old.iterations())
            : new CellResult(cell, old.warmUps(), with(old.iterations(), measured)));
    imagesDone += measured.images();
    listener.onMeasured(cell, iteration, measured, imagesDone);
  }

  private static List<Measurement> with(List<Measurement> some, Measurement another) {
    List<Measurement> all = new ArrayList<>(some);
    all.add(another);
    return all;
  }
}
