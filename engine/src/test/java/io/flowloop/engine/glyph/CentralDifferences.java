package io.flowloop.engine.glyph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import java.util.function.DoubleSupplier;
import java.util.function.Function;
import java.util.stream.IntStream;

/** The slope of a plain double function in its weights, which gradients are checked against. */
public final class CentralDifferences {

  /** Far above the rounding of doubles, far below where curvature shows. */
  private static final double STEP = 0x1p-12;

  private CentralDifferences() {}

  /** The slope of {@code function} in number {@code i} of {@code weights}. */
  public static double slope(double[] weights, int i, DoubleSupplier function) {
    double kept = weights[i];
    weights[i] = kept + STEP;
    double above = function.getAsDouble();
    weights[i] = kept - STEP;
    double below = function.getAsDouble();
    weights[i] = kept;
    return (above - below) / (2 * STEP);
  }

  /**
   * Compares entries of every gradient with slopes, its largest one among them. Where the function
   * does not depend on a number, the gradient must be exactly 0.
   *
   * @param gradients by the names of the weights
   * @param weights what {@code function} is computed from, by name
   * @param entries how many of each gradient
   * @param tolerance in units of a gradient's largest entry
   */
  public static void assertGradients(
      Map<String, float[]> gradients,
      Function<String, double[]> weights,
      DoubleSupplier function,
      int entries,
      double tolerance) {
    gradients.forEach(
        (name, gradient) -> {
          int largest = largest(gradient);
          double scale = Math.abs((double) gradient[largest]);
          IntStream.concat(
                  IntStream.of(largest),
                  IntStream.range(1, entries).map(i -> i * gradient.length / entries))
              .forEach(
                  i ->
                      assertThat((double) gradient[i])
                          .as("%s[%d]", name, i)
                          .isCloseTo(
                              slope(weights.apply(name), i, function), within(tolerance * scale)));
        });
  }

  private static int largest(float[] values) {
    int largest = 0;
    for (int i = 1; i < values.length; i++) {
      if (Math.abs(values[i]) > Math.abs(values[largest])) {
        largest = i;
      }
    }
    return largest;
  }
}
