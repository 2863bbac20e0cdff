package io.flowloop.agentloop.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What a benchmark brought.
 *
 * @param spec what was to be measured
 * @param engineSetUp loading libtorch and the engines
 * @param actorSetUp starting the actor systems, of all cells together
 * @param cells those that were begun, in the order of their first turns
 * @param stopped whether it was stopped before its end; the last iterations are missing then
 */
public record BenchResult(
    BenchSpec spec, Cost engineSetUp, Cost actorSetUp, List<CellResult> cells, boolean stopped) {

  public BenchResult {
    cells = List.copyOf(cells);
  }

  /** Whether no iteration that counts was finished. */
  public boolean isEmpty() {
    return cells.stream().allMatch(cell -> cell.iterations().isEmpty());
  }

  /** Empty if it was not begun. */
  public Optional<CellResult> of(Cell cell) {
    return cells.stream().filter(result -> result.cell().equals(cell)).findFirst();
  }

  /** Every iteration, warm-up included, in no order. */
  public Stream<Measurement> measurements() {
    return cells.stream()
        .flatMap(cell -> Stream.concat(cell.warmUps().stream(), cell.iterations().stream()));
  }

  /** Batched to concurrent within each way, then each way of actors to the engine alone. */
  public List<Ratio> ratios() {
    List<Ratio> ratios = new ArrayList<>();
    for (CellResult result : cells) {
      Cell cell = result.cell();
      if (cell.mode() == Mode.BATCHED) {
        of(new Cell(cell.rows(), cell.way(), Mode.CONCURRENT))
            .ifPresent(to -> ratios.add(Ratio.of(result, to)));
      }
    }
    for (CellResult result : cells) {
      Cell cell = result.cell();
      if (cell.way() != Way.ENGINE) {
        of(new Cell(cell.rows(), Way.ENGINE, cell.mode()))
            .ifPresent(to -> ratios.add(Ratio.of(result, to)));
      }
    }
    return ratios;
  }

  /** The ratio of two cells; empty if there is no pair of their iterations. */
  public Optional<Spread> ratio(Cell of, Cell to) {
    return of(of).flatMap(a -> of(to).flatMap(b -> Ratio.of(a, b).spread()));
  }
}
