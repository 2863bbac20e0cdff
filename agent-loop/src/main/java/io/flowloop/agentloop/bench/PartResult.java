package io.flowloop.agentloop.bench;

import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What was measured of a part of a model.
 *
 * @param rows samples of a forward
 * @param guidance scale of classifier-free guidance; 1 is none
 * @param figures one number for each iteration that counts
 * @param deviceMemory most bytes of a GPU's memory that were in use, by weights, by this part and
 *     by whoever else is on it; empty for the CPU
 * @param misfit why it does not fit on the device; empty if it does
 */
public record PartResult(
    ModelPart part,
    int rows,
    double guidance,
    Map<Figure, List<Double>> figures,
    OptionalLong deviceMemory,
    Optional<String> misfit) {

  public PartResult {
    Map<Figure, List<Double>> copy = new EnumMap<>(Figure.class);
    figures.forEach((figure, numbers) -> copy.put(figure, List.copyOf(numbers)));
    figures = Collections.unmodifiableMap(copy);
  }

  /** Empty if nothing was measured. */
  public Optional<Spread> spread(Figure figure) {
    return Spread.of(figures.getOrDefault(figure, List.of()));
  }

  /** {@code loop, 16 rows, guidance 4.0}. */
  public String title() {
    return switch (part) {
      case MODULATION, DECODE, ENCODE -> part.toString();
      case FORWARD, OPERATORS -> "%s, %d rows".formatted(part, rows);
      case LOOP, TRAINING -> "%s, %d rows, guidance %s".formatted(part, rows, guidance);
    };
  }
}
