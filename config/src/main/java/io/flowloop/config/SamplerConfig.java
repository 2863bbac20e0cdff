package io.flowloop.config;

import java.util.Optional;
import java.util.OptionalInt;

/**
 * How a denoising loop walks from noise to an image, and which of its steps are stochastic.
 *
 * @param numInferenceSteps T, the denoising steps
 * @param guidanceScale weight of classifier-free guidance; 1 turns it off
 * @param sdeType the stochastic step
 * @param noiseLevel strength of the noise that a stochastic step adds, 0 or more
 * @param sdeWindowSize W, the consecutive stochastic steps; empty for all of the range
 * @param sdeWindowRange the steps that the window lies in; empty for all but the last
 * @param sdeWindowStrategy where in its range the window of a training step lies
 * @param itersPerGroup training steps after which a progressive window moves on by one
 */
public record SamplerConfig(
    int numInferenceSteps,
    double guidanceScale,
    SdeType sdeType,
    double noiseLevel,
    OptionalInt sdeWindowSize,
    Optional<IntRange> sdeWindowRange,
    SdeWindowStrategy sdeWindowStrategy,
    int itersPerGroup) {

  /** The steps that a window may hold: its range without the last step, which adds no noise. */
  public IntRange stochasticRange() {
    int last = numInferenceSteps - 1;
    IntRange range = sdeWindowRange.orElse(new IntRange(0, last));
    return new IntRange(Math.min(range.start(), last), Math.min(range.end(), last));
  }

  /** W: the size asked for, else every step of {@link #stochasticRange()}. */
  public int windowSize() {
    return sdeWindowSize.orElse(stochasticRange().length());
  }
}
