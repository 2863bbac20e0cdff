package io.flowloop.agentloop.bench;

import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.Drawn;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.StepListener;
import io.flowloop.rollout.EngineFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.function.LongConsumer;

/**
 * The engines of a benchmark, each on a thread of its own, loaded once and lent to all cells.
 *
 * <p>Every way draws with the same engines: libgomp's threads wait for each other otherwise as soon
 * as those of idle engines make them more than there are cores, and engines of each way's own would
 * measure that. The price is that the actors' engine threads hand each request over to a thread
 * here and wait, two wake-ups a request that actors with engines of their own do not need.
 */
final class EnginePool implements AutoCloseable {

  private final List<ExecutorService> threads = new ArrayList<>();
  private final Map<Integer, DiffusionEngine> engines = new ConcurrentHashMap<>();
  private final Set<Future<?>> running = ConcurrentHashMap.newKeySet();
  private final Queue<Long> starts = new ConcurrentLinkedQueue<>();
  private volatile boolean stopped;

  private EnginePool() {}

  /**
   * A pool of new engines.
   *
   * @param engines how many, 1 or more
   * @throws EngineException if one of them cannot be created
   */
  static EnginePool load(EngineFactory factory, int engines) {
    EnginePool pool = new EnginePool();
    try {
      List<Future<DiffusionEngine>> loading = new ArrayList<>();
      for (int i = 0; i < engines; i++) {
        loading.add(pool.add(factory, i));
      }
      loading.forEach(EnginePool::await);
      return pool;
    } catch (RuntimeException e) {
      pool.close();
      throw e;
    }
  }

  private Future<DiffusionEngine> add(EngineFactory factory, int index) {
    threads.add(Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().factory()));
    return submit(
        index,
        () -> {
          DiffusionEngine engine = factory.create(index);
          engines.put(index, engine);
          return engine;
        });
  }

  /** Has every engine work on the same thing, each on its thread, and waits for all of them. */
  <T> List<T> everywhere(Function<DiffusionEngine, T> work) {
    List<Future<T>> parts = new ArrayList<>();
    engines.forEach((index, engine) -> parts.add(submit(index, () -> work.apply(engine))));
    return parts.stream().map(EnginePool::await).toList();
  }

  /** The same engines for somebody with threads of its own; to close one does nothing. */
  EngineFactory lent() {
    return Lent::new;
  }

  /** Has an engine draw, on its thread, and remembers when it began. */
  List<Sample> generate(DiffusionEngine engine, RolloutRequest request) {
    return generate(engine, List.of(request), StepListener.NONE).getFirst().samples();
  }

  private List<Drawn> generate(
      DiffusionEngine engine, List<RolloutRequest> requests, StepListener steps) {
    starts.add(System.nanoTime());
    return engine.generate(requests, steps);
  }

  /**
   * Takes the times, of {@link System#nanoTime}, at which engines began requests since the last.
   */
  void takeStarts(LongConsumer each) {
    for (int i = starts.size(); i > 0; i--) {
      each.accept(starts.remove());
    }
  }

  /** Ends what runs, at the engines' next denoising step, and refuses everything else. */
  void stop() {
    stopped = true;
    running.forEach(work -> work.cancel(true));
  }

  @Override
  public void close() {
    for (int i = 0; i < threads.size(); i++) {
      int index = i;
      threads
          .get(i)
          .execute(() -> Optional.ofNullable(engines.get(index)).ifPresent(DiffusionEngine::close));
    }
    threads.forEach(ExecutorService::close);
  }

  private <T> Future<T> submit(int index, Callable<T> work) {
    Future<T> result = threads.get(index).submit(work);
    running.removeIf(Future::isDone);
    running.add(result);
    if (stopped) {
      result.cancel(true);
    }
    return result;
  }

  private static <T> T await(Future<T> result) {
    try {
      return result.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof EngineException known
          ? known
          : new EngineException("an engine failed: " + e.getCause(), e);
    } catch (CancellationException e) {
      throw new EngineException("the benchmark was stopped", e);
    } catch (InterruptedException e) {
      result.cancel(true);
      Thread.currentThread().interrupt();
      throw new EngineException("interrupted", e);
    }
  }

  private final class Lent implements DiffusionEngine {

    private final int index;
    private final DiffusionEngine engine;

    Lent(int index) {
      this.index = index;
      this.engine = Objects.requireNonNull(engines.get(index));
    }

    @Override
    public List<Drawn> generate(List<RolloutRequest> requests, StepListener steps) {
      return on(lent -> EnginePool.this.generate(lent, requests, steps));
    }

    @Override
    public long load(PolicyWeights weights) {
      return on(lent -> lent.load(weights));
    }

    @Override
    public long policyVersion() {
      return on(DiffusionEngine::policyVersion);
    }

    private <T> T on(Function<DiffusionEngine, T> work) {
      return await(submit(index, () -> work.apply(engine)));
    }

    @Override
    public void close() {}
  }
}
