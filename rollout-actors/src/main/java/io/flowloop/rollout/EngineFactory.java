package io.flowloop.rollout;

import io.flowloop.engine.DiffusionEngine;

/** Where engines come from. Called once for each engine, on the thread that the engine lives on. */
@FunctionalInterface
public interface EngineFactory {

  /**
   * A new engine, owned and closed by the caller.
   *
   * @param engineIndex 0-based, below {@code rollout.engines}
   */
  DiffusionEngine create(int engineIndex);
}
