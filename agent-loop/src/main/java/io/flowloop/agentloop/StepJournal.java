package io.flowloop.agentloop;

import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.RolloutRow;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * The groups of one training step that were finished before it began, and who keeps those that it
 * finishes.
 *
 * @param finished with the policy that the step is drawn with
 * @param keeper told each group that becomes whole, from a thread that must not block
 */
record StepJournal(List<RolloutGroup> finished, Consumer<RolloutGroup> keeper) {

  /** Knows no group and keeps none. */
  static final StepJournal NONE = new StepJournal(List.of(), _ -> {});

  StepJournal {
    finished = List.copyOf(finished);
  }

  /** The finished groups among these rows: prompts, places and seeds are the same. */
  List<RolloutGroup> of(List<RolloutRow> rows) {
    Collection<List<RolloutRow>> groups =
        rows.stream()
            .collect(
                Collectors.groupingBy(RolloutRow::group, LinkedHashMap::new, Collectors.toList()))
            .values();
    Map<List<RolloutRow>, RolloutGroup> known =
        finished.stream()
            .collect(Collectors.toMap(StepJournal::rows, group -> group, (first, _) -> first));
    return groups.stream().filter(known::containsKey).map(known::get).toList();
  }

  private static List<RolloutRow> rows(RolloutGroup group) {
    return group.samples().stream().map(RewardedSample::row).toList();
  }
}
