package io.flowloop.engine;

/**
 * Hears of each denoising step that has ended: the sign of life of what an engine draws. It is told
 * on the engine's thread and must not block.
 */
@FunctionalInterface
public interface StepListener {

  /** Hears nothing. */
  StepListener NONE = _ -> {};

  /**
   * A denoising step has ended.
   *
   * @param done steps of the forwards that run now which have ended, 1 or more; it begins anew with
   *     each sub-batch
   */
  void onStep(int done);
}
