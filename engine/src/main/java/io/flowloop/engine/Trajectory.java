package io.flowloop.engine;

/**
 * What a policy update needs of one sample's walk. Everything is float32: stored in less, ratios of
 * fresh data would not be 1. Arrays are not copied.
 *
 * @param latents the W + 1 latents around the window's steps, C·h·w numbers each: the state before
 *     each stochastic step, then the state after the last; empty without a window
 * @param finalLatents the C·h·w numbers of x_0, from which the image was decoded
 * @param sigmas the T + 1 noise levels walked, from 1 to 0
 * @param window the stochastic steps
 * @param logProbs log-prob of each of the W stochastic steps under the policy that drew them
 */
public record Trajectory(
    float[][] latents, float[] finalLatents, float[] sigmas, SdeWindow window, float[] logProbs) {

  public Trajectory {
    int expected = window.size() == 0 ? 0 : window.size() + 1;
    if (latents.length != expected || logProbs.length != window.size()) {
      throw new IllegalArgumentException(
          "trajectory: %d latents, %d log-probs (expected: %d and %d for a window of %d)"
              .formatted(latents.length, logProbs.length, expected, window.size(), window.size()));
    }
  }

  /** The T timesteps at which the network was asked: 1000 · sigma. */
  public float[] timesteps() {
    float[] timesteps = new float[sigmas.length - 1];
    for (int i = 0; i < timesteps.length; i++) {
      timesteps[i] = 1000 * sigmas[i];
    }
    return timesteps;
  }

  /** Mean log-prob over the window; 0 without one. */
  public double logProbMean() {
    double sum = 0;
    for (float logProb : logProbs) {
      sum += logProb;
    }
    return logProbs.length == 0 ? 0 : sum / logProbs.length;
  }
}
