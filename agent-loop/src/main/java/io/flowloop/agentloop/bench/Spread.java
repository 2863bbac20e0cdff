package io.flowloop.agentloop.bench;

import java.util.List;
import java.util.Optional;

/** The middle of some values, and how far they reach. */
public record Spread(double median, double min, double max) {

  /** Of these values in any order; empty if there is none. */
  public static Optional<Spread> of(List<Double> values) {
    if (values.isEmpty()) {
      return Optional.empty();
    }
    List<Double> sorted = values.stream().sorted().toList();
    int half = sorted.size() / 2;
    double median =
        sorted.size() % 2 == 1 ? sorted.get(half) : (sorted.get(half - 1) + sorted.get(half)) / 2;
    return Optional.of(new Spread(median, sorted.getFirst(), sorted.getLast()));
  }
}
