package io.flowloop.agentloop;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Several trackers as one that never fails: a tracker that throws is closed and told no more, with
 * a warning, and the others go on. A run is worth more than what is said about it.
 */
final class TrackerGroup implements Tracker {

  /** Tells one tracker something. */
  @FunctionalInterface
  private interface Call {
    void on(Tracker tracker) throws IOException;
  }

  private final List<Tracker> trackers;
  private final Consumer<String> warnings;

  /**
   * A group.
   *
   * @param trackers told in this order
   * @param warnings told of each tracker that fails
   */
  TrackerGroup(List<Tracker> trackers, Consumer<String> warnings) {
    this.trackers = new ArrayList<>(trackers);
    this.warnings = warnings;
  }

  @Override
  public String name() {
    return "group";
  }

  @Override
  public void onStart(Run run) {
    tell(tracker -> tracker.onStart(run));
  }

  @Override
  public void onJournal(int step, int groups) {
    tell(tracker -> tracker.onJournal(step, groups));
  }

  @Override
  public void onStep(Metrics metrics) {
    tell(tracker -> tracker.onStep(metrics));
  }

  @Override
  public void onValidation(Validation validation) {
    tell(tracker -> tracker.onValidation(validation));
  }

  /** Closes all of them, whatever one of them throws. */
  @Override
  public void close() {
    trackers.forEach(tracker -> succeeds(tracker, Tracker::close));
    trackers.clear();
  }

  private void tell(Call call) {
    List<Tracker> failed = trackers.stream().filter(tracker -> !succeeds(tracker, call)).toList();
    trackers.removeAll(failed);
    failed.forEach(tracker -> succeeds(tracker, Tracker::close));
  }

  private boolean succeeds(Tracker tracker, Call call) {
    try {
      call.on(tracker);
      return true;
    } catch (IOException | RuntimeException | LinkageError e) {
      warnings.accept("tracker %s: %s; it is told no more".formatted(tracker.name(), e));
      return false;
    }
  }
}
