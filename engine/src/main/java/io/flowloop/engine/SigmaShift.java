package io.flowloop.engine;

import java.util.OptionalDouble;

/**
 * How far a schedule is shifted for an image of a size: the exponent mu goes in a straight line
 * through (baseLength, baseShift) and (maxLength, maxShift), and on beyond both.
 *
 * @param baseShift mu of an image of {@code baseLength} tokens
 * @param maxShift mu of an image of {@code maxLength} tokens
 * @param baseLength tokens of a packed image
 * @param maxLength tokens of a packed image, more than {@code baseLength}
 * @param terminal what the last sigma above 0 is stretched to, inside (0, 1)
 */
public record SigmaShift(
    double baseShift, double maxShift, int baseLength, int maxLength, OptionalDouble terminal) {

  public SigmaShift {
    if (baseLength < 1 || maxLength <= baseLength) {
      throw new IllegalArgumentException(
          "sigma shift lengths: %d and %d (expected: 1 or more, and more than that)"
              .formatted(baseLength, maxLength));
    }
    if (!Double.isFinite(baseShift) || !Double.isFinite(maxShift)) {
      throw new IllegalArgumentException(
          "sigma shift: %s to %s (expected: finite numbers)".formatted(baseShift, maxShift));
    }
    if (terminal.isPresent() && !(terminal.getAsDouble() > 0 && terminal.getAsDouble() < 1)) {
      throw new IllegalArgumentException(
          "sigma shift terminal: %s (expected: inside (0, 1))".formatted(terminal.getAsDouble()));
    }
  }

  /** The exponent for a packed image of {@code imageTokens}. */
  double mu(int imageTokens) {
    double slope = (maxShift - baseShift) / (maxLength - baseLength);
    return imageTokens * slope + (baseShift - slope * baseLength);
  }
}
