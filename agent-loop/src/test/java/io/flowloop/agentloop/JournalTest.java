package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.flowloop.rollout.RolloutGroup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalTest {

  private static final List<RolloutGroup> GROUPS = TinyJournals.groups(2);

  @TempDir Path run;

  private final List<String> warnings = new ArrayList<>();

  private Journal journal() {
    return new Journal(run, true, warnings::add);
  }

  /** A step whose groups are all finished. */
  private static StepJournal step(Journal journal, int step) {
    StepJournal begun = journal.begin(TinyJournals.header(step, step));
    GROUPS.forEach(begun.keeper());
    return begun;
  }

  @Test
  void begin_ofTheNextProcess_hasTheGroupsOfEachStep() {
    try (Journal journal = journal()) {
      assertThat(step(journal, 1).finished()).isEmpty();
      assertThat(step(journal, 2).finished()).isEmpty();
    }
    try (Journal journal = journal()) {
      for (int step = 1; step <= 2; step++) {
        StepJournal begun = journal.begin(TinyJournals.header(step, step));
        assertThat(TinyJournals.checksums(begun.finished()))
            .isEqualTo(TinyJournals.checksums(GROUPS));
      }
      assertThat(journal.begin(TinyJournals.header(2, 3)).finished()).isEmpty();
    }
    assertThat(warnings).isEmpty();
  }

  @Test
  void covered_byACheckpoint_forgetsTheStepsBeforeIt() throws IOException {
    Files.createDirectory(run.resolve("journal"));
    Path own = Files.createFile(run.resolve("journal/notes"));
    try (Journal journal = journal()) {
      for (int step = 1; step <= 3; step++) {
        var _ = step(journal, step);
      }
      journal.covered(2);
    }
    assertThat(run.resolve("journal").toFile().list())
        .containsExactlyInAnyOrder("step-000003.journal", "notes");

    Files.delete(own);
    try (Journal journal = journal()) {
      var _ = step(journal, 3);
      journal.covered(3);
    }
    assertThat(run).isEmptyDirectory();
    assertThat(warnings).isEmpty();
  }

  @Test
  void clear_journalOfARun_leavesNothing() {
    try (Journal journal = journal()) {
      var _ = step(journal, 1);
    }

    Journal.clear(run, warnings::add);
    Journal.clear(run.resolve("none"), warnings::add);

    assertThat(run).isEmptyDirectory();
    assertThat(warnings).isEmpty();
  }

  @Test
  void keeper_ofAStepThatWasGivenUp_keepsNothing() {
    StepJournal late;
    try (Journal journal = journal()) {
      late = journal.begin(TinyJournals.header(1, 1));
      var _ = journal.begin(TinyJournals.header(2, 2));
      late.keeper().accept(GROUPS.getFirst());
    }
    late.keeper().accept(GROUPS.getLast());

    assertThat(TinyJournals.records(run, 1) + TinyJournals.records(run, 2)).isZero();
    assertThat(warnings).isEmpty();
  }

  @Test
  void begin_off_touchesNothing() {
    try (Journal journal = new Journal(run, false, warnings::add)) {
      assertThat(step(journal, 1)).isSameAs(StepJournal.NONE);
      journal.covered(1);
    }
    assertThat(run).isEmptyDirectory();
    assertThat(warnings).isEmpty();
  }

  @Test
  void begin_folderInPlaceOfTheFile_warnsOnceAndGivesUpItsSpace() throws IOException {
    Files.createDirectories(TinyJournals.file(run, 2).resolve("in the way"));
    try (Journal journal = journal()) {
      var _ = step(journal, 1);
      assertThat(step(journal, 2)).isSameAs(StepJournal.NONE);
      assertThat(warnings)
          .singleElement()
          .asString()
          .startsWith(run.resolve("journal") + " cannot be written, and is off for the rest")
          .contains("step-000002.journal: Is a directory; training goes on");
      assertThat(step(journal, 3)).isSameAs(StepJournal.NONE);
      journal.covered(3);
    }
    assertThat(warnings).hasSize(1);
    assertThat(run.resolve("journal").toFile().list()).containsExactly("step-000002.journal");
  }

  @Test
  void keeper_diskFull_warnsOnceAndGivesUpItsSpace() throws Exception {
    Path disk = Files.createDirectory(run.resolve("disk"));
    assumeThat(Shell.exitCode("mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", disk.toString()))
        .as("mounting a small disk")
        .isZero();
    try {
      try (Journal journal = new Journal(disk, true, warnings::add)) {
        for (int step = 1; step <= 40; step++) {
          var _ = step(journal, step);
        }
      }
      assertThat(warnings)
          .singleElement()
          .asString()
          .contains("No space left on device; training goes on");
      assertThat(disk).isEmptyDirectory();
    } finally {
      assertThat(Shell.exitCode("umount", disk.toString())).isZero();
    }
  }
}
