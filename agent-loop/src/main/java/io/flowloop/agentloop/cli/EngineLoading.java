package io.flowloop.agentloop.cli;

import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.EngineException;
import io.flowloop.rollout.EngineFactory;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;

/** Engines whose creation can be waited for, so that it is not taken for the time of drawing. */
final class EngineLoading implements EngineFactory {

  private final EngineFactory factory;
  private final AtomicInteger missing;
  private final CompletableFuture<Duration> loaded = new CompletableFuture<>();
  private final long begun = System.nanoTime();

  /**
   * Engines of a factory.
   *
   * @param engines how many are made here, 0 or more; those of other nodes are not waited for
   */
  EngineLoading(EngineFactory factory, int engines) {
    this.factory = factory;
    this.missing = new AtomicInteger(engines);
    if (engines == 0) {
      loaded.complete(Duration.ZERO);
    }
  }

  @Override
  public DiffusionEngine create(int engineIndex) {
    try {
      DiffusionEngine engine = factory.create(engineIndex);
      if (missing.decrementAndGet() == 0) {
        loaded.complete(Duration.ofNanos(System.nanoTime() - begun));
      }
      return engine;
    } catch (RuntimeException | Error e) {
      loaded.completeExceptionally(e);
      throw e;
    }
  }

  /**
   * Waits until all engines are there.
   *
   * @return how long they took
   * @throws EngineException if one of them cannot be created
   */
  Duration await() {
    try {
      return loaded.join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof EngineException known
          ? known
          : new EngineException("the model cannot be loaded: " + e.getCause(), e);
    }
  }
}
