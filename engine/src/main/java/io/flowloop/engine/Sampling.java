package io.flowloop.engine;

import io.flowloop.config.SdeType;

/**
 * How a denoising loop walks from noise to an image.
 *
 * @param numInferenceSteps T, the number of denoising steps
 * @param guidanceScale weight g of classifier-free guidance; 1 turns it off and halves the rows
 * @param sdeType the stochastic step inside the window
 * @param noiseLevel strength of the injected noise ({@code a}, or η for DanceGRPO), 0 or more
 * @param sdeWindow the stochastic steps; must end before the last denoising step
 */
public record Sampling(
    int numInferenceSteps,
    double guidanceScale,
    SdeType sdeType,
    double noiseLevel,
    SdeWindow sdeWindow) {

  public Sampling {
    if (numInferenceSteps < 1) {
      throw new IllegalArgumentException(
          "numInferenceSteps: " + numInferenceSteps + " (expected: 1 or more)");
    }
    if (!(noiseLevel >= 0) || Double.isInfinite(noiseLevel)) {
      throw new IllegalArgumentException("noiseLevel: " + noiseLevel + " (expected: 0 or more)");
    }
    if (!Double.isFinite(guidanceScale)) {
      throw new IllegalArgumentException(
          "guidanceScale: " + guidanceScale + " (expected: a finite number)");
    }
    if (sdeWindow.end() > numInferenceSteps - 1 && sdeWindow.size() > 0) {
      throw new IllegalArgumentException(
          "sdeWindow: [%d, %d) (expected: within [0, %d), as the last of %d steps is never"
                  .formatted(
                      sdeWindow.start(), sdeWindow.end(), numInferenceSteps - 1, numInferenceSteps)
              + " stochastic)");
    }
    if (sdeType == SdeType.ODE || noiseLevel == 0) {
      sdeWindow = SdeWindow.NONE;
    }
  }

  /** A deterministic Euler walk of {@code numInferenceSteps} steps without guidance. */
  public static Sampling ode(int numInferenceSteps) {
    return new Sampling(numInferenceSteps, 1, SdeType.ODE, 0, SdeWindow.NONE);
  }
}
