package io.flowloop.agentloop.track;

import io.flowloop.agentloop.Tracker.Metrics;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;

/** All that a run has measured so far. */
final class RunHistory {

  static final String VALIDATION_PREFIX = "val/";
  static final String VALIDATION_REWARD = "val/reward_mean";

  private final Map<String, Curve> curves = new LinkedHashMap<>();
  private final TreeMap<Integer, SequencedMap<String, Double>> validations = new TreeMap<>();
  private Optional<Metrics> last = Optional.empty();
  private Optional<Integer> best = Optional.empty();

  /** The history that lines of {@code metrics.jsonl} tell. */
  static RunHistory of(List<Metrics> lines) {
    RunHistory history = new RunHistory();
    for (Metrics line : lines) {
      if (line.values().keySet().stream().anyMatch(name -> name.startsWith(VALIDATION_PREFIX))) {
        history.addValidation(line, history.better(line));
      } else {
        history.addStep(line);
      }
    }
    return history;
  }

  /** The first of equal ones is the best. */
  private boolean better(Metrics line) {
    double reward = line.values().getOrDefault(VALIDATION_REWARD, Double.NEGATIVE_INFINITY);
    return best.map(step -> reward > validationReward(step)).orElse(true);
  }

  void addStep(Metrics metrics) {
    addCurves(metrics);
    last = Optional.of(metrics);
  }

  void addValidation(Metrics validation, boolean isBest) {
    addCurves(validation);
    validations.put(validation.step(), validation.values());
    if (isBest) {
      best = Optional.of(validation.step());
    }
  }

  private void addCurves(Metrics metrics) {
    metrics
        .values()
        .forEach(
            (name, value) ->
                curves.computeIfAbsent(name, _ -> new Curve()).add(metrics.step(), value));
  }

  /** Names of all metrics, in the order of their first values. */
  List<String> names() {
    return new ArrayList<>(curves.keySet());
  }

  /** The curve of a metric; empty where nothing was measured. */
  Curve curve(String name) {
    return curves.getOrDefault(name, new Curve());
  }

  /** The newest training step's numbers. */
  Optional<Metrics> last() {
    return last;
  }

  /** Values of each validation, by training step. */
  SortedMap<Integer, SequencedMap<String, Double>> validations() {
    return Collections.unmodifiableSortedMap(validations);
  }

  /** The best validation's training step. */
  Optional<Integer> best() {
    return best;
  }

  /** What a validation is judged by, not a number if it was not measured. */
  double validationReward(int step) {
    SequencedMap<String, Double> values = validations.get(step);
    return values == null ? Double.NaN : values.getOrDefault(VALIDATION_REWARD, Double.NaN);
  }
}
