package io.flowloop.agentloop;

import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.RolloutRow;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The groups that still miss samples. A group leaves whole or dropped, once; what comes for it
 * later is ignored.
 */
final class OpenGroups {

  private static final class Open {
    final SortedMap<Integer, RolloutRow> rows = new TreeMap<>();
    final SortedMap<Integer, RewardedSample> samples = new TreeMap<>();

    String prompt() {
      return rows.firstEntry().getValue().prompt();
    }
  }

  private final Map<Integer, Open> groups = new HashMap<>();

  OpenGroups(List<RolloutRow> rows) {
    for (RolloutRow row : rows) {
      groups.computeIfAbsent(row.group(), _ -> new Open()).rows.put(row.index(), row);
    }
  }

  boolean isEmpty() {
    return groups.isEmpty();
  }

  /** Adds a sample, of which the first counts, and returns its group if that made it whole. */
  Optional<RolloutGroup> add(RewardedSample sample) {
    int index = sample.row().group();
    Optional<Open> group = Optional.ofNullable(groups.get(index));
    group.ifPresent(open -> open.samples.putIfAbsent(sample.row().index(), sample));
    Optional<Open> whole = group.filter(open -> open.samples.size() == open.rows.size());
    whole.ifPresent(_ -> groups.remove(index));
    return whole.map(
        open -> new RolloutGroup(index, open.prompt(), List.copyOf(open.samples.values())));
  }

  /** Gives a group up; empty if it had left before. */
  Optional<DroppedGroup> drop(int index, RolloutException cause) {
    return Optional.ofNullable(groups.remove(index))
        .map(
            open -> new DroppedGroup(index, open.prompt(), List.copyOf(open.rows.keySet()), cause));
  }
}
