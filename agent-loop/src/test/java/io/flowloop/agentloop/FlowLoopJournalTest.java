package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.TinyLoop.Measure;
import io.flowloop.rollout.ToyEngines;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Trainings that are killed and go on with a journal. What a kill leaves is a copy of the folder in
 * the middle of a run, which itself goes on to tell the bits that are expected.
 */
class FlowLoopJournalTest {

  private static final List<String> VALIDATION = List.of("c \"3\"", "d \"45\"");

  @TempDir private Path dir;

  private TinyLoop whole;
  private TinyLoop resumed;
  private Path killed;
  private final Diary diary = new Diary();

  @BeforeEach
  void tiny() {
    whole = new TinyLoop(dir);
    resumed = new TinyLoop(dir);
    killed = dir.resolve("killed");
  }

  private static String[] settings(String... more) {
    return Stream.concat(
            Stream.of("trainer.journal=true", "trainer.steps=4", "trainer.validateEvery=100"),
            Stream.of(more))
        .toArray(String[]::new);
  }

  private String[] ofKilled(String... more) {
    return Stream.concat(Stream.of(settings(more)), Stream.of("trainer.dir=" + killed))
        .toArray(String[]::new);
  }

  /**
   * Trains to the end; a copy is made in the third step, with one group of it in the journal.
   *
   * @return the prompt that this process drew and a killed one had not
   */
  private String trainAndCopyInStepThree(int saveEvery) {
    AtomicInteger requests = new AtomicInteger();
    List<String> missing = new ArrayList<>();
    whole.engines.before(
        drawn -> {
          if (whole.learner.updates().size() == 2 && requests.incrementAndGet() == 2) {
            missing.add(drawn.request().prompt());
            TinyJournals.await(() -> TinyJournals.records(whole.run(), 3) == 1);
            TinyJournals.await(
                () -> saveEvery > 2 || !Files.exists(TinyJournals.file(whole.run(), 2)));
            TinyJournals.copy(whole.run(), killed);
          }
        });
    try (FlowLoop loop = whole.toy(settings("trainer.saveEvery=" + saveEvery)).build()) {
      assertThat(loop.train().step()).isEqualTo(4);
    }
    assertThat(whole.run().resolve("journal")).doesNotExist();
    assertThat(whole.warnings).isEmpty();
    return missing.getFirst();
  }

  private List<Long> resumedBits(FlowLoop.Builder builder) {
    try (FlowLoop loop = builder.tracker(diary).build()) {
      assertThat(loop.resume().step()).isEqualTo(4);
    }
    return TinyLoop.bits(
        Checkpoints.load(Checkpoints.latestWhole(killed, resumed.warnings::add).orElseThrow()));
  }

  private List<Double> journaled() {
    return diary.metrics().stream()
        .map(step -> step.values().get("rollout/groups_journaled"))
        .toList();
  }

  private List<Double> metric(String name) {
    return diary.metrics().stream().map(step -> step.values().get(name)).toList();
  }

  @Test
  void resume_killedInAStep_drawsOnlyWhatIsMissingToTheSameBits() {
    String missing = trainAndCopyInStepThree(2);

    assertThat(resumedBits(resumed.toy(ofKilled("trainer.saveEvery=2"))))
        .isEqualTo(TinyLoop.bits(whole.newest()));

    assertThat(resumed.drawnPrompts().getFirst()).isEqualTo(missing);
    assertThat(resumed.drawnPrompts()).hasSize(1 + 2 + VALIDATION.size());
    assertThat(journaled()).containsExactly(1.0, 0.0);
    assertThat(metric("rollout/rows")).containsExactly(8.0, 8.0);
    assertThat(metric("rollout/requests")).containsExactly(2.0, 2.0);
    assertThat(diary.lines())
        .startsWith("start 2/4", "journal of step 3: 1", "step 3", "step 4")
        .hasSize(6);
    assertThat(killed.resolve("journal")).doesNotExist();
    assertThat(resumed.warnings).isEmpty();
  }

  @Test
  void resume_killedBeforeTheFirstCheckpoint_drawsOnlyWhatIsMissingToTheSameBits() {
    String missing = trainAndCopyInStepThree(100);
    assertThat(killed.resolve("checkpoints")).isEmptyDirectory();

    assertThat(resumedBits(resumed.toy(ofKilled("trainer.saveEvery=100"))))
        .isEqualTo(TinyLoop.bits(whole.newest()));

    assertThat(resumed.drawnPrompts().subList(0, 3))
        .containsExactlyInAnyOrder(VALIDATION.getFirst(), VALIDATION.getLast(), missing);
    assertThat(resumed.drawnPrompts()).hasSize(VALIDATION.size() + 1 + 2 + VALIDATION.size());
    assertThat(journaled()).containsExactly(2.0, 2.0, 1.0, 0.0);
    assertThat(diary.lines())
        .contains("journal of step 1: 2", "journal of step 2: 2", "journal of step 3: 1");
  }

  @Test
  void resume_realModel_learnsTheSameFromJournaledGroups() {
    Diary copying =
        new Diary(
            step -> {
              if (step == 3) {
                TinyJournals.await(() -> TinyJournals.records(whole.run(), 3) == 2);
                TinyJournals.copy(whole.run(), killed);
              }
            });
    try (FlowLoop loop = whole.glyph(settings("trainer.saveEvery=100")).tracker(copying).build()) {
      var _ = loop.train();
    }

    assertThat(resumedBits(resumed.glyph(ofKilled("trainer.saveEvery=100"))))
        .isEqualTo(TinyLoop.bits(whole.newest()));

    assertThat(journaled()).containsExactly(2.0, 2.0, 2.0, 0.0);
    for (String same : List.of("reward/mean", "policy/loss", "policy/fresh_ratio_error")) {
      assertThat(metric(same))
          .isEqualTo(copying.metrics().stream().map(step -> step.values().get(same)).toList());
    }
  }

  @Test
  void resume_journalOfOtherSettingsOrNone_drawsEverything() {
    String _ = trainAndCopyInStepThree(100);
    Path again = dir.resolve("again");
    TinyJournals.copy(killed, again);

    var _ = resumedBits(resumed.toy(ofKilled("trainer.saveEvery=100", "rollout.seed=7")));
    assertThat(journaled()).containsOnly(0.0).hasSize(4);

    try (FlowLoop loop = resumed.toy(settings("trainer.dir=" + again)).tracker(diary).build()) {
      assertThat(loop.train().step()).isEqualTo(4);
    }
    assertThat(journaled()).containsOnly(0.0).hasSize(8);
    assertThat(again.resolve("journal")).doesNotExist();
  }

  @Test
  void resume_withoutTheSetting_leavesTheJournalAlone() {
    String _ = trainAndCopyInStepThree(2);

    assertThat(resumedBits(resumed.toy(ofKilled("trainer.saveEvery=2", "trainer.journal=false"))))
        .isEqualTo(TinyLoop.bits(whole.newest()));

    assertThat(journaled()).containsExactly(0.0, 0.0);
    assertThat(TinyJournals.records(killed, 3)).isEqualTo(1);
  }

  @Test
  void resume_stepWithDroppedAndSpareGroups_drawsOnlyTheDroppedAgain() {
    List<String> order = trainWithSparesAndCopy();

    assertThat(resumedBits(refilling(resumed, order, "trainer.dir=" + killed)))
        .isEqualTo(TinyLoop.bits(whole.newest()));

    // Both fail again: one of the step's own groups, and one of those in place of it.
    assertThat(resumed.drawnPrompts().subList(2, 4)).containsExactly(order.get(0), order.get(2));
    assertThat(journaled().getFirst()).isEqualTo(2);
    assertThat(metric("rollout/groups_dropped").getFirst()).isEqualTo(2);
    assertThat(metric("rollout/rows").getFirst()).isEqualTo(4 * TinyLoop.N);
  }

  @Test
  void resume_droppedGroupThatSucceedsNow_leavesSpareGroupsOfTheJournalOut() {
    List<String> order = trainWithSparesAndCopy();

    var _ = resumedBits(refilling(resumed, List.of("", "", ""), "trainer.dir=" + killed));

    assertThat(resumed.drawnPrompts().subList(2, 3)).containsExactly(order.get(0));
    assertThat(journaled().getFirst()).isEqualTo(1);
    assertThat(metric("rollout/groups").getFirst()).isEqualTo(2);
    assertThat(metric("rollout/groups_dropped").getFirst()).isZero();
  }

  /**
   * Of a first step with groups 0 and 1, group 0 is dropped, group 2 in its place too, and group 3
   * is not; the copy is made when the step is drawn.
   *
   * @return all prompts in the order in which they are taken
   */
  private List<String> trainWithSparesAndCopy() {
    List<String> order = TinyLoop.order(many());
    whole.learner.before(
        update -> {
          if (update.trainingStep() == 0) {
            TinyJournals.await(() -> TinyJournals.records(whole.run(), 1) == 2);
            TinyJournals.copy(whole.run(), killed);
          }
        });
    try (FlowLoop loop = refilling(whole, order).build()) {
      var _ = loop.train();
    }
    return order;
  }

  private static List<String> many() {
    return IntStream.range(0, 24).mapToObj("p \"%d\""::formatted).toList();
  }

  /** A loop whose reward fails for the first and the third of these. */
  private static FlowLoop.Builder refilling(TinyLoop tiny, List<String> order, String... more) {
    Measure picky =
        new Measure(
            "picky",
            (prompt, image) -> {
              if (prompt.equals(order.get(0)) || prompt.equals(order.get(2))) {
                throw new IllegalStateException("no score for it");
              }
              return ToyEngines.brightness(prompt, image).total();
            });
    List<String> all =
        new ArrayList<>(
            List.of(
                "data.prompts=" + tiny.prompts("many.txt", many()),
                "reward.onFailure=dropGroup",
                "trainer.refillGroups=2"));
    all.addAll(List.of(more));
    return tiny.toy(Map.of(picky, 1.0), settings(all.toArray(String[]::new)));
  }

  @Test
  void train_journalThatCannotBeWritten_warnsAndGoesOn() throws IOException {
    Files.createDirectories(TinyJournals.file(whole.run(), 1).resolve("in the way"));
    try (FlowLoop loop = whole.toy(settings()).build()) {
      assertThat(loop.train().step()).isEqualTo(4);
    }
    assertThat(whole.warnings)
        .singleElement()
        .asString()
        .contains("is off for the rest of the run", "training goes on");
  }
}
