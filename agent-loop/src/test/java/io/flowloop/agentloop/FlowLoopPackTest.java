package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.flowloop.rollout.RewardedSample;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Groups that share forwards: the same samples, and ratios that stay exactly 1. */
class FlowLoopPackTest {

  private static final List<String> PROMPTS =
      List.of("p \"1\"", "p \"23\"", "p \"4\"", "p \"567\"", "p \"8\"", "p \"90\"");

  @TempDir private Path dir;

  private TinyLoop tiny;

  @BeforeEach
  void tiny() {
    tiny = new TinyLoop(dir);
  }

  @Test
  void rollout_packed_givesTheSameSamplesInForwardsOfSeveralGroups() {
    List<RewardedSample> alone = rollout("rollout.packGroups=1");
    List<RewardedSample> packed = rollout("rollout.packGroups=3");

    assertThat(forwardSizes(alone)).containsExactly(TinyLoop.N);
    assertThat(forwardSizes(packed)).contains(TinyLoop.N).hasSizeGreaterThan(1);
    for (int i = 0; i < alone.size(); i++) {
      assertThat(packed.get(i).row()).isEqualTo(alone.get(i).row());
      assertThat(packed.get(i).sample().trajectory().latents()[0])
          .isEqualTo(alone.get(i).sample().trajectory().latents()[0]);
      assertThat(packed.get(i).sample().trajectory().finalLatents())
          .containsExactly(alone.get(i).sample().trajectory().finalLatents(), within(1e-4f));
    }
  }

  @Test
  void train_packed_keepsTheRatiosOfFreshDataAtExactlyOne() {
    Diary diary = new Diary();
    try (FlowLoop loop =
        tiny.glyph(
                "rollout.packGroups=3",
                "data.prompts=" + tiny.prompts("many.txt", PROMPTS),
                "data.promptsPerStep=6",
                "update.miniBatch=" + 6 * TinyLoop.N,
                "trainer.steps=2")
            .tracker(diary)
            .build()) {
      var _ = loop.train();
    }

    assertThat(diary.metrics()).hasSize(2);
    assertThat(diary.metrics())
        .allSatisfy(
            step ->
                assertThat(step.values())
                    .containsEntry("policy/fresh_ratio_error", 0.0)
                    .containsEntry("rollout/rows", 6.0 * TinyLoop.N));
  }

  private List<RewardedSample> rollout(String setting) {
    try (FlowLoop loop = tiny.glyph(setting).build()) {
      return loop.rollout(PROMPTS).samples();
    }
  }

  private static Set<Integer> forwardSizes(List<RewardedSample> samples) {
    Map<Long, Long> rows =
        samples.stream()
            .collect(
                Collectors.groupingBy(s -> s.sample().timings().forward(), Collectors.counting()));
    samples.forEach(
        s ->
            assertThat(rows.get(s.sample().timings().forward()))
                .isEqualTo(s.sample().timings().rowsPerForward()));
    return samples.stream()
        .map(s -> s.sample().timings().rowsPerForward())
        .collect(Collectors.toCollection(TreeSet::new));
  }
}
