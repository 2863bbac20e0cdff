package io.flowloop.agentloop;

import io.flowloop.config.IntRange;
import io.flowloop.config.SamplerConfig;
import io.flowloop.config.SdeType;
import io.flowloop.config.SdeWindowStrategy;
import io.flowloop.config.ValidationConfig;
import io.flowloop.engine.Noise;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.SdeWindow;

/**
 * The SDE window of a training step, one for all its groups: a function of the settings, the run's
 * seed and the step alone, so that whoever asks gets the same.
 */
public final class SdeWindows {

  private SdeWindows() {}

  /**
   * The window of a step.
   *
   * @param runSeed decides where the random windows of a run lie
   * @param step the training step, 0-based
   * @throws IllegalArgumentException if the range has no place for the window
   */
  public static SdeWindow forStep(SamplerConfig sampler, long runSeed, int step) {
    IntRange range = sampler.stochasticRange();
    int size = sampler.windowSize();
    int places = places(sampler.sdeWindowStrategy(), range, size);
    int place =
        switch (sampler.sdeWindowStrategy()) {
          case WHOLE -> 0;
          case RANDOM -> (int) (places * Noise.uniforms(runSeed, Noise.Use.SDE_WINDOW, step, 1)[0]);
          case PROGRESSIVE -> Math.min(step / sampler.itersPerGroup(), places - 1);
        };
    return new SdeWindow(range.start() + place, size);
  }

  /** How many starts are legal. */
  private static int places(SdeWindowStrategy strategy, IntRange range, int size) {
    int places = range.length() - size + 1;
    if (places < 1 || (strategy == SdeWindowStrategy.WHOLE && places > 1)) {
      throw new IllegalArgumentException(
          "sampler.sdeWindowSize: %d (expected: %s %d, the denoising steps %s that may be stochastic)"
              .formatted(size, places < 1 ? "at most" : "with WHOLE", range.length(), range));
    }
    return places;
  }

  /** How every denoising loop of a training step walks. */
  public static Sampling sampling(SamplerConfig sampler, long runSeed, int step) {
    return new Sampling(
        sampler.numInferenceSteps(),
        sampler.guidanceScale(),
        sampler.sdeType(),
        sampler.noiseLevel(),
        forStep(sampler, runSeed, step));
  }

  /** How every denoising loop of a validation walks: without noise. */
  public static Sampling validation(ValidationConfig validation, SamplerConfig sampler) {
    return new Sampling(
        validation.numInferenceSteps(), sampler.guidanceScale(), SdeType.ODE, 0, SdeWindow.NONE);
  }
}
