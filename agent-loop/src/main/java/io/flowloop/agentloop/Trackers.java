package io.flowloop.agentloop;

import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** The trackers on the classpath. */
final class Trackers {

  private Trackers() {}

  /** Legal values in {@code trainer.trackers}, sorted. */
  public static Set<String> names() {
    return all().stream().map(Tracker::name).collect(Collectors.toCollection(TreeSet::new));
  }

  /**
   * New trackers of these names, in their order.
   *
   * @param names legal ones, as the configuration has checked
   */
  static List<Tracker> named(List<String> names) {
    List<Tracker> all = all();
    return names.stream()
        .distinct()
        .flatMap(name -> all.stream().filter(tracker -> tracker.name().equals(name)))
        .toList();
  }

  /** New trackers, one of each on the classpath. */
  static List<Tracker> all() {
    return ServiceLoader.load(Tracker.class).stream().map(ServiceLoader.Provider::get).toList();
  }
}
