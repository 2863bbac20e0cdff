package io.flowloop.agentloop;

import io.flowloop.config.SamplerConfig;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.SdeWindow;

/** The SDE window of a training step, one for all its groups. */
public final class SdeWindows {

  private SdeWindows() {}

  /**
   * The window of a step, at the start of the range that it may lie in.
   *
   * @param step the training step, 0-based; the window does not move from step to step
   */
  public static SdeWindow forStep(SamplerConfig sampler, int step) {
    return new SdeWindow(sampler.stochasticRange().start(), sampler.windowSize());
  }

  /** How every denoising loop of a training step walks. */
  public static Sampling sampling(SamplerConfig sampler, int step) {
    return new Sampling(
        sampler.numInferenceSteps(),
        sampler.guidanceScale(),
        sampler.sdeType(),
        sampler.noiseLevel(),
        forStep(sampler, step));
  }
}
