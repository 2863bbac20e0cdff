package io.flowloop.engine;

import io.flowloop.config.OptimizerConfig;

/** The learning rate over a run: a linear warm-up by optimiser steps, a decay by training steps. */
final class LearningRate {

  private LearningRate() {}

  /**
   * The rate of one optimiser step.
   *
   * @param optimizerStep optimiser steps applied before
   * @param trainingStep 0-based
   * @param trainingSteps training steps of the run
   */
  static double at(
      OptimizerConfig optimizer, int optimizerStep, int trainingStep, int trainingSteps) {
    double warm = Math.min(1, (optimizerStep + 1.0) / Math.max(1, optimizer.warmupSteps()));
    double done = Math.min(1, (double) trainingStep / trainingSteps);
    double left =
        switch (optimizer.decay()) {
          case CONSTANT -> 1;
          case LINEAR -> 1 - done;
          case COSINE -> (1 + StrictMath.cos(Math.PI * done)) / 2;
        };
    return optimizer.learningRate() * warm * left;
  }
}
