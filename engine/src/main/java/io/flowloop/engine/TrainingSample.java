package io.flowloop.engine;

/**
 * A sample and what a policy is to learn from it.
 *
 * @param sample as it was drawn
 * @param advantage above 0 to make it more probable, below 0 less; finite
 */
public record TrainingSample(Sample sample, double advantage) {

  /**
   * @throws IllegalArgumentException if the advantage is not finite
   */
  public TrainingSample {
    if (!Double.isFinite(advantage)) {
      throw new IllegalArgumentException(
          "advantage of row %d: %s (expected: a finite number)"
              .formatted(sample.row().row(), advantage));
    }
  }
}
