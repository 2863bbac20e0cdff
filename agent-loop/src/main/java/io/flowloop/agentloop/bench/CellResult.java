package io.flowloop.agentloop.bench;

import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * What was measured of a cell.
 *
 * @param warmUps iterations before those that count
 * @param iterations those that count, in their order
 */
public record CellResult(Cell cell, List<Measurement> warmUps, List<Measurement> iterations) {

  public CellResult {
    warmUps = List.copyOf(warmUps);
    iterations = List.copyOf(iterations);
  }

  /** One number of each iteration that counts; empty if there is none. */
  public Optional<Spread> spread(ToDoubleFunction<Measurement> number) {
    return Spread.of(iterations.stream().mapToDouble(number).boxed().toList());
  }
}
