package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.flowloop.agentloop.Checkpoints;
import io.flowloop.agentloop.Shell;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Training runs whose disk is full for a while or for good. */
@DisabledOnOs(OS.WINDOWS)
class TrainDiskTest {

  @TempDir Path temp;

  private Path disk = Path.of("");

  @BeforeEach
  void mount() throws Exception {
    disk = Files.createDirectory(temp.resolve("disk"));
    assumeThat(Shell.exitCode("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk.toString()))
        .as("mounting a small disk")
        .isZero();
  }

  @AfterEach
  void unmount() throws Exception {
    Shell.exitCode("umount", disk.toString());
  }

  private Path dir() {
    return disk.resolve("run");
  }

  private Path ballast() {
    return disk.resolve("ballast");
  }

  /** Takes all that is left. */
  private void fill() {
    try (OutputStream out = Files.newOutputStream(ballast())) {
      while (true) {
        out.write(new byte[4096]);
      }
    } catch (IOException e) {
      assertThat(e).hasMessageContaining("No space left");
    }
  }

  private void empty() {
    try {
      Files.delete(ballast());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Six steps, all checkpoints kept, so that no space becomes free by itself. */
  private Run train(Consumer<String> onLine) {
    return Run.of(
        new StopSignal(),
        onLine,
        TinyTraining.args(
            temp, dir(), "trainer.steps=6", "trainer.keep=10", "trainer.validateEvery=6"));
  }

  @Test
  void train_diskFullForAWhile_warnsAndGoesOn() {
    Run run =
        train(
            line -> {
              if (line.startsWith("step 3/6")) {
                fill();
              } else if (line.startsWith("step 5/6")) {
                assertThat(Checkpoints.latestWhole(dir(), torn -> {})).isPresent();
                empty();
              }
            });

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.err()).isEmpty();
    assertThat(run.out())
        .contains("the checkpoint of step 3 cannot be written, earlier ones are untouched")
        .contains("No space left on device; training goes on", "done after 6 steps");
    assertThat(dir().resolve("checkpoints").toFile().list())
        .contains("step-000001", "step-000005", "step-000006")
        .doesNotContain("step-000003");
    assertThat(Checkpoints.load(TinyTraining.checkpoint(dir(), 1)).step()).isEqualTo(1);
    assertThat(Checkpoints.load(TinyTraining.checkpoint(dir(), 6)).step()).isEqualTo(6);
  }

  @Test
  void train_diskFullAtTheEnd_failsWithOneSentenceAndLosesNothingOlder() {
    Run run =
        train(
            line -> {
              if (line.startsWith("step 4/6")) {
                fill();
              }
            });

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err())
        .startsWith("train failed: " + TinyTraining.checkpoint(dir(), 6))
        .contains("the checkpoint of step 6 cannot be written", "No space left on device");
    assertThat(run.out()).contains("step 6/6").doesNotContain("done after");
    Path newest = Checkpoints.latestWhole(dir(), torn -> {}).orElseThrow();
    int saved = Checkpoints.load(newest).step();
    assertThat(saved).isBetween(2, 3);

    empty();
    Run resumed =
        Run.of(TinyTraining.args(temp, dir(), "trainer.steps=6", "trainer.keep=10", "--resume"));

    assertThat(resumed.exitCode()).as(resumed.err()).isZero();
    assertThat(resumed.out()).contains("goes on after step " + saved, "done after 6 steps");
    assertThat(Checkpoints.load(TinyTraining.checkpoint(dir(), 6)).step()).isEqualTo(6);
  }
}
