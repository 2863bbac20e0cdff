package io.flowloop.agentloop.bench;

import io.flowloop.config.Device;
import io.flowloop.engine.OutOfMemory;
import io.flowloop.engine.TorchRuntime;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Repeats parts of a model, and puts down what they take and which of them do not fit. */
final class PartMeter {

  /** A part is drawn in another way than it was to be measured, for want of memory. */
  static final class MisfitException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    MisfitException(String message) {
      super(message);
    }
  }

  private final ModelBenchSpec spec;
  private final Device device;
  private final Consumer<PartResult> listener;
  private final List<PartResult> results = new ArrayList<>();
  private volatile boolean stopped;

  /**
   * @param device as it is, not {@code auto}
   * @param listener is told of each result
   */
  PartMeter(ModelBenchSpec spec, Device device, Consumer<PartResult> listener) {
    this.spec = spec;
    this.device = device;
    this.listener = listener;
  }

  /** Nothing is begun from now on; any thread may call it. */
  void stop() {
    stopped = true;
  }

  boolean stopped() {
    return stopped;
  }

  List<PartResult> results() {
    return results;
  }

  /** Whether a part is to be measured. */
  boolean wants(ModelPart part) {
    return !stopped && spec.parts().contains(part);
  }

  /**
   * Measures a part, if it is wanted.
   *
   * @param once runs it once
   */
  void measure(
      ModelPart part, int rows, double guidance, Supplier<? extends Map<Figure, Double>> once) {
    if (!wants(part)) {
      return;
    }
    TorchRuntime.releaseMemory(device);
    Map<Figure, List<Double>> figures = new EnumMap<>(Figure.class);
    Optional<String> misfit = Optional.empty();
    try {
      for (int i = -spec.warmUp(); i < spec.iterations() && !stopped; i++) {
        Map<Figure, Double> taken = once.get();
        if (i >= 0) {
          taken.forEach(
              (figure, number) ->
                  figures.computeIfAbsent(figure, _ -> new ArrayList<>()).add(number));
        }
      }
    } catch (RuntimeException e) {
      misfit = Optional.of(misfit(e));
    }
    add(
        new PartResult(
            part,
            rows,
            guidance,
            misfit.isPresent() ? Map.of() : figures,
            TorchRuntime.memoryInUse(device),
            misfit));
  }

  /** Puts down that a part cannot be measured, if it is wanted. */
  void misfit(ModelPart part, int rows, double guidance, String why) {
    if (wants(part)) {
      add(new PartResult(part, rows, guidance, Map.of(), OptionalLong.empty(), Optional.of(why)));
    }
  }

  private void add(PartResult result) {
    results.add(result);
    listener.accept(result);
  }

  /**
   * Why something does not fit.
   *
   * @throws RuntimeException the failure, if it is of another kind
   */
  static String misfit(RuntimeException failure) {
    return failure instanceof MisfitException
        ? String.valueOf(failure.getMessage())
        : OutOfMemory.behind(failure).orElseThrow(() -> failure);
  }
}
