package io.flowloop.agentloop.bench;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * How many times as fast as another cell one is.
 *
 * @param of the cell
 * @param to the other one
 * @param values images a second of the one over those of the other, one for each iteration that
 *     both have; their turns lie beside each other, so that what slows the machine down for a while
 *     slows both
 */
public record Ratio(Cell of, Cell to, List<Double> values) {

  public Ratio {
    values = List.copyOf(values);
  }

  static Ratio of(CellResult of, CellResult to) {
    return new Ratio(
        of.cell(),
        to.cell(),
        pairwise(
            of.iterations().stream().map(Measurement::imagesPerSecond).toList(),
            to.iterations().stream().map(Measurement::imagesPerSecond).toList()));
  }

  /** Each value over the one in its place, as far as both reach. */
  static List<Double> pairwise(List<Double> of, List<Double> to) {
    return IntStream.range(0, Math.min(of.size(), to.size()))
        .mapToObj(i -> of.get(i) / to.get(i))
        .toList();
  }

  /** Empty if no pair was measured. */
  public Optional<Spread> spread() {
    return Spread.of(values);
  }
}
