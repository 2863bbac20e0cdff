package io.flowloop.agentloop.bench;

import java.util.Collections;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * One iteration of a cell.
 *
 * @param images drawn, 1 or more
 * @param cost what drawing them took
 * @param forwards denoising forwards by the number of samples in each, smallest first
 * @param denoiseSeconds of all denoising loops, side by side or not
 * @param queue how long requests waited
 * @param peakRss most bytes of memory that the process had so far; empty where the system does not
 *     tell
 * @param deviceMemory bytes in use on the engines' GPUs after it; empty without one
 * @param latentDifference greatest difference of a number of the final latents from those of the
 *     first iteration with as many rows, whatever its way and mode
 */
public record Measurement(
    int images,
    Cost cost,
    SortedMap<Integer, Integer> forwards,
    double denoiseSeconds,
    Queue queue,
    OptionalLong peakRss,
    OptionalLong deviceMemory,
    double latentDifference) {

  private static final double MILLIS_PER_SECOND = 1e3;

  /**
   * Seconds from the begin of an iteration, when all its requests are sent, to the moment at which
   * an engine began with one of them.
   *
   * @param mean over the requests
   * @param max of the last one
   */
  public record Queue(double mean, double max) {}

  public Measurement {
    forwards = Collections.unmodifiableSortedMap(new TreeMap<>(forwards));
    if (images < 1 || !(cost.wallSeconds() > 0) || forwards.isEmpty()) {
      throw new IllegalArgumentException(
          "%d images in %s s, forwards %s (expected: more than nothing)"
              .formatted(images, cost.wallSeconds(), forwards));
    }
  }

  public double imagesPerSecond() {
    return images / cost.wallSeconds();
  }

  /** Of wall time. */
  public double millisPerImage() {
    return MILLIS_PER_SECOND * cost.wallSeconds() / images;
  }

  /** Of all cores. */
  public double cpuMillisPerImage() {
    return MILLIS_PER_SECOND * cost.cpuSeconds() / images;
  }

  /** Mean time of one forward and what a denoising step does around it. */
  public double millisPerDenoisingStep() {
    return MILLIS_PER_SECOND
        * denoiseSeconds
        / forwards.values().stream().mapToInt(Integer::intValue).sum();
  }
}
