package io.flowloop.agentloop.bench;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;

/** Results with chosen numbers. */
final class Results {

  private static final int IMAGES = 8;

  private Results() {}

  /** The iterations of a cell with these speeds. */
  static CellResult of(Cell cell, double... imagesPerSecond) {
    return new CellResult(
        cell, List.of(), Arrays.stream(imagesPerSecond).mapToObj(Results::measurement).toList());
  }

  static Measurement measurement(double imagesPerSecond) {
    double seconds = IMAGES / imagesPerSecond;
    return new Measurement(
        IMAGES,
        new Cost(seconds, 2 * seconds, 0),
        new TreeMap<>(Map.of(4, 10, 2, 10)),
        0.4,
        new Measurement.Queue(0, 0),
        OptionalLong.empty(),
        OptionalLong.empty(),
        0);
  }
}
