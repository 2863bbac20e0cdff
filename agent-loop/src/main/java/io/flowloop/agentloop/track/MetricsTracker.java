package io.flowloop.agentloop.track;

import io.flowloop.agentloop.Tracker;
import java.util.Map;
import java.util.Optional;

/** Writes {@code metrics.jsonl}: a line for each training step and each validation. */
public final class MetricsTracker implements Tracker {

  private Optional<MetricsFile> file = Optional.empty();

  /** A tracker of one run. */
  public MetricsTracker() {}

  @Override
  public String name() {
    return "metrics";
  }

  @Override
  public void onStart(Run run) {
    file = Optional.of(MetricsFile.open(new OutputFolder(run.dir()), run.step()));
  }

  @Override
  public void onStep(Metrics metrics) {
    add(metrics.step(), metrics.values());
  }

  @Override
  public void onValidation(Validation validation) {
    add(validation.step(), validation.values());
  }

  private void add(int step, Map<String, Double> values) {
    file.orElseThrow().add(step, values);
  }

  @Override
  public void close() {
    file.ifPresent(MetricsFile::close);
  }
}
