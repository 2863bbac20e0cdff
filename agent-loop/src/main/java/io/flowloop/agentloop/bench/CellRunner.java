package io.flowloop.agentloop.bench;

import io.flowloop.engine.Sample;
import java.util.List;

/** Draws the images of a cell, again and again the same ones. */
sealed interface CellRunner extends AutoCloseable permits EngineRunner, ActorRunner {

  /** The step whose noise every iteration draws; the first one of a training run. */
  int STEP = 0;

  /**
   * One iteration: every row once, in row order.
   *
   * @throws io.flowloop.engine.EngineException or a {@link io.flowloop.rollout.RolloutException} if
   *     that fails
   */
  List<Sample> draw();

  @Override
  void close();
}
