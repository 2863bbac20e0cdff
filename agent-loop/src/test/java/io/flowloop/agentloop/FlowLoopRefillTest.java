package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.TinyLoop.Measure;
import io.flowloop.rollout.ToyEngines;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Groups that are drawn anew in place of dropped ones, as a training shows them. */
class FlowLoopRefillTest {

  @TempDir private Path dir;

  private TinyLoop tiny;

  @BeforeEach
  void tiny() {
    tiny = new TinyLoop(dir);
  }

  @Test
  void refillGroups_rewardFailsForSomePrompts_drawsOthersInTheirPlace() {
    List<String> prompts = IntStream.range(0, 12).mapToObj(i -> "p \"%d\"".formatted(i)).toList();
    Path file = tiny.prompts("many.txt", prompts);
    List<String> order = TinyLoop.order(prompts);
    // Of the first four, the first and the third: the step begins with two and has two spares.
    List<String> bad = List.of(order.get(0), order.get(2));
    Diary diary = new Diary();
    try (FlowLoop loop =
        tiny.toy(
                Map.of(failingFor(bad), 1.0),
                "data.prompts=" + file,
                "reward.onFailure=dropGroup",
                "trainer.refillGroups=2")
            .tracker(diary)
            .build()) {
      var _ = loop.train();
    }
    assertThat(tiny.learner.updates().getFirst().samples()).hasSize(2 * TinyLoop.N);
    assertThat(diary.metrics().getFirst().values())
        .containsEntry("rollout/groups", 2.0)
        .containsEntry("rollout/groups_dropped", 2.0)
        .containsEntry("rollout/rows", 16.0);
    assertThat(diary.metrics().getLast().values()).containsEntry("rollout/groups_dropped", 0.0);
    assertThat(tiny.warnings)
        .hasSize(2)
        .anySatisfy(
            warning ->
                assertThat(warning)
                    .startsWith("step 1: group 0 dropped: ")
                    .contains(bad.getFirst(), "no score for it"));
    // Four drawn in the first step, two in the second.
    assertThat(tiny.newest().position()).isEqualTo(6);
    // Each by another worker, in no order.
    assertThat(tiny.drawnPrompts()).containsAll(order.subList(4, 6));
  }

  @Test
  void refillGroups_moreFailThanMayBeRefilled_trainsOnWhatIsLeft() {
    List<String> prompts = IntStream.range(0, 12).mapToObj(i -> "p \"%d\"".formatted(i)).toList();
    List<String> order = TinyLoop.order(prompts);
    Diary diary = new Diary();
    try (FlowLoop loop =
        tiny.toy(
                Map.of(failingFor(order.subList(1, 3)), 1.0),
                "data.prompts=" + tiny.prompts("many.txt", prompts),
                "reward.onFailure=dropGroup",
                "trainer.refillGroups=1",
                "trainer.steps=1")
            .tracker(diary)
            .build()) {
      var _ = loop.train();
    }
    assertThat(tiny.learner.updates().getFirst().samples()).hasSize(TinyLoop.N);
    assertThat(diary.metrics().getFirst().values())
        .containsEntry("rollout/groups", 1.0)
        .containsEntry("rollout/groups_dropped", 2.0);
    assertThat(tiny.newest().position()).isEqualTo(3);
  }

  private static Measure failingFor(List<String> prompts) {
    return new Measure(
        "picky",
        (prompt, image) -> {
          if (prompts.contains(prompt)) {
            throw new IllegalStateException("no score for it");
          }
          return ToyEngines.brightness(prompt, image).total();
        });
  }
}
