package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.bench.BenchResult;
import io.flowloop.agentloop.bench.BenchSpec;
import io.flowloop.agentloop.bench.Cell;
import io.flowloop.agentloop.bench.CellResult;
import io.flowloop.agentloop.bench.Measurement;
import io.flowloop.agentloop.bench.Mode;
import io.flowloop.agentloop.bench.Spread;
import io.flowloop.agentloop.bench.Way;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * What came of a benchmark, for people: tables of medians, with the smallest and the largest value
 * in brackets.
 *
 * @param result the numbers
 */
record BenchReport(BenchResult result) {

  /** Differences of final latents that rounding explains; a float32 model stays far below. */
  private static final double ROUNDING = 1e-2;

  private static final String NONE = "-";

  String text() {
    String tables =
        result.isEmpty()
            ? "\nnothing measured: no iteration that counts was finished\n"
            : spec().ways().stream().map(this::table).collect(Collectors.joining())
                + toEngine()
                + forwards();
    return tables + "\n" + summary();
  }

  private BenchSpec spec() {
    return result.spec();
  }

  /** One way, a line for each number of rows. */
  private String table(Way way) {
    List<Mode> modes = spec().modes();
    String modesInTurn = modes.size() == 1 ? "" : "; a / b: concurrent / batched";
    List<String> columns = columns("rows", modes, mode -> mode + " images/s");
    if (modes.size() > 1) {
      columns.add("batched/concurrent");
    }
    columns.addAll(List.of("ms/image", "ms/denoising step", "CPU ms/image", "s in queue"));
    TextTable table = new TextTable(way + modesInTurn, columns);
    spec().rows().forEach(n -> table.add(line(n, way)));
    return table.render();
  }

  private List<String> line(int n, Way way) {
    List<String> line =
        columns(
            Integer.toString(n),
            spec().modes(),
            mode -> spread(spread(new Cell(n, way, mode), Measurement::imagesPerSecond), "%.1f"));
    if (spec().modes().size() > 1) {
      Cell concurrent = new Cell(n, way, Mode.CONCURRENT);
      line.add(spread(result.ratio(new Cell(n, way, Mode.BATCHED), concurrent), "%.2f"));
    }
    line.add(medians(n, way, Measurement::millisPerImage, "%.1f"));
    line.add(medians(n, way, Measurement::millisPerDenoisingStep, "%.2f"));
    line.add(medians(n, way, Measurement::cpuMillisPerImage, "%.1f"));
    line.add(medians(n, way, measured -> measured.queue().mean(), "%.2f"));
    return line;
  }

  private Optional<Spread> spread(Cell cell, ToDoubleFunction<Measurement> number) {
    return result.of(cell).flatMap(found -> found.spread(number));
  }

  private static String spread(Optional<Spread> spread, String format) {
    return spread
        .map(
            s ->
                "%s (%s-%s)"
                    .formatted(
                        format.formatted(s.median()),
                        format.formatted(s.min()),
                        format.formatted(s.max())))
        .orElse(NONE);
  }

  /** Of each mode. */
  private String medians(int n, Way way, ToDoubleFunction<Measurement> number, String format) {
    return spec().modes().stream()
        .map(mode -> spread(new Cell(n, way, mode), number))
        .map(spread -> spread.map(s -> format.formatted(s.median())).orElse(NONE))
        .collect(Collectors.joining(" / "));
  }

  /** What the actors cost; empty without an engine to compare with. */
  private String toEngine() {
    List<Cell> columns = spec().cells(1).stream().filter(cell -> cell.way() != Way.ENGINE).toList();
    if (!spec().ways().contains(Way.ENGINE) || columns.isEmpty()) {
      return "";
    }
    TextTable table =
        new TextTable(
            "to the engine alone",
            columns("rows", columns, cell -> cell.way() + ", " + cell.mode()));
    for (int n : spec().rows()) {
      table.add(
          columns(
              Integer.toString(n),
              columns,
              cell ->
                  spread(
                      result.ratio(
                          new Cell(n, cell.way(), cell.mode()),
                          new Cell(n, Way.ENGINE, cell.mode())),
                      "%.3f")));
    }
    return table.render();
  }

  private static <T> List<String> columns(String first, List<T> others, Function<T, String> text) {
    List<String> columns = new ArrayList<>(List.of(first));
    others.stream().map(text).forEach(columns::add);
    return columns;
  }

  /** The same in every way, as they draw the same requests. */
  private String forwards() {
    Way any = spec().ways().getFirst();
    TextTable table =
        new TextTable(
            "denoising forwards of an iteration", columns("rows", spec().modes(), Mode::toString));
    for (int n : spec().rows()) {
      table.add(
          columns(Integer.toString(n), spec().modes(), mode -> forwards(new Cell(n, any, mode))));
    }
    return table.render();
  }

  private String forwards(Cell cell) {
    return result.of(cell).stream()
        .flatMap(found -> found.iterations().stream())
        .findFirst()
        .map(
            measured ->
                measured.forwards().entrySet().stream()
                    .map(size -> "%d of %d rows".formatted(size.getValue(), size.getKey()))
                    .collect(Collectors.joining(" + ")))
        .orElse(NONE);
  }

  private String summary() {
    return """
        set-up     engines %.2f s, actors %.2f s
        warm-up    %s
        measured   %s
        memory     RSS at most %s%s
        samples    %s
        %s"""
        .formatted(
            result.engineSetUp().wallSeconds(),
            result.actorSetUp().wallSeconds(),
            iterations(CellResult::warmUps),
            iterations(CellResult::iterations),
            bytes(Measurement::peakRss).orElse("unknown"),
            bytes(Measurement::deviceMemory)
                .map("; on the device at most %s in use"::formatted)
                .orElse(""),
            samples(),
            result.stopped() ? "stopped before the end: the last iterations are missing\n" : "");
  }

  /** The wall time of some of the iterations, and the share in which garbage was collected. */
  private String iterations(Function<CellResult, List<Measurement>> which) {
    List<Measurement> measured =
        result.cells().stream().map(which).flatMap(Collection::stream).toList();
    return "%d iterations of all cells in %s, %.2f s of it GC"
        .formatted(
            measured.size(),
            Units.clock(measured.stream().mapToDouble(m -> m.cost().wallSeconds()).sum()),
            measured.stream().mapToDouble(m -> m.cost().gcSeconds()).sum());
  }

  private Optional<String> bytes(Function<Measurement, OptionalLong> number) {
    return result
        .measurements()
        .map(number)
        .flatMap(bytes -> bytes.stream().boxed())
        .max(Long::compare)
        .map(Units::bytes);
  }

  private String samples() {
    if (result.measurements().findAny().isEmpty()) {
      return "none drawn";
    }
    double difference =
        result.measurements().mapToDouble(Measurement::latentDifference).max().orElse(0);
    return "rows and seeds the same in all cells; final latents differ by at most %.1e%s"
        .formatted(
            difference,
            difference > ROUNDING ? ", MORE THAN ROUNDING EXPLAINS: do not compare the cells" : "");
  }
}
