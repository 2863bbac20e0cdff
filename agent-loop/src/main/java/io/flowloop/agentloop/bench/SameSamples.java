package io.flowloop.agentloop.bench;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.Sample;
import java.util.ArrayList;
import java.util.List;

/** Compares the samples of all cells of one number of rows, which are to be the same. */
final class SameSamples {

  private final int expected;
  private final List<Sample> first = new ArrayList<>();

  /**
   * @param expected samples of each iteration
   */
  SameSamples(int expected) {
    this.expected = expected;
  }

  /**
   * Compares with the first samples that came.
   *
   * @param samples in row order
   * @return greatest difference of a number of the final latents
   * @throws EngineException if they are too few or too many, or of other rows or seeds
   */
  double difference(Cell cell, List<Sample> samples) {
    if (samples.size() != expected) {
      throw new EngineException(
          "%s: %d images (expected: %d); a benchmark counts whole rollouts only"
              .formatted(cell, samples.size(), expected));
    }
    if (first.isEmpty()) {
      first.addAll(samples);
    }
    double greatest = 0;
    for (int i = 0; i < expected; i++) {
      greatest = Math.max(greatest, difference(cell, samples.get(i), first.get(i)));
    }
    return greatest;
  }

  private static double difference(Cell cell, Sample sample, Sample other) {
    if (!sample.row().equals(other.row())) {
      throw new EngineException(
          "%s: drew %s (expected: %s)".formatted(cell, sample.row(), other.row()));
    }
    float[] a = sample.trajectory().finalLatents();
    float[] b = other.trajectory().finalLatents();
    double greatest = 0;
    for (int i = 0; i < a.length; i++) {
      greatest = Math.max(greatest, Math.abs((double) a[i] - b[i]));
    }
    return greatest;
  }
}
