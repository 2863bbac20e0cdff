package io.flowloop.agentloop;

import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** The trackers on the classpath. */
public final class Trackers {

  private Trackers() {}

  /** Legal values in {@code trainer.trackers}, sorted. */
  public static Set<String> names() {
    return all().stream().map(Tracker::name).collect(Collectors.toCollection(TreeSet::new));
  }

  /**
   * New trackers of these names, told in their order; the others are left alone.
   *
   * @param names legal ones, as the configuration has checked
   * @param warnings told of each tracker that fails
   */
  public static TrackerGroup select(List<String> names, Consumer<String> warnings) {
    List<Tracker> all = all();
    return new TrackerGroup(
        names.stream()
            .distinct()
            .flatMap(name -> all.stream().filter(tracker -> tracker.name().equals(name)))
            .toList(),
        warnings);
  }

  /** New trackers, one of each on the classpath. */
  static List<Tracker> all() {
    return ServiceLoader.load(Tracker.class).stream().map(ServiceLoader.Provider::get).toList();
  }
}
