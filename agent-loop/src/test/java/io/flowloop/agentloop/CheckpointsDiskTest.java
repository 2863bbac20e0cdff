package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.flowloop.agentloop.cli.FlowLoopCommand;
import io.flowloop.agentloop.cli.FlowLoopProcess;
import io.flowloop.engine.HostTensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Checkpoints of processes that are killed, and on disks that are full. */
@DisabledOnOs(OS.WINDOWS)
class CheckpointsDiskTest {

  private static final int LIMIT_KIB = 64;

  @TempDir Path run;

  /** Saves a checkpoint as each training step would, for ever. */
  static final class SavingForEver {

    private SavingForEver() {}

    public static void main(String[] args) {
      Checkpoints checkpoints = Checkpoints.open(Path.of(args[0]), 1);
      SortedMap<String, HostTensor> tensors = numbers(100_000);
      for (int step = Integer.parseInt(args[1]); ; step++) {
        checkpoints.save(TinyCheckpoints.of(step, Map.of(), tensors));
        checkpoints.saveBest(TinyCheckpoints.of(step, Map.of(), tensors));
        System.out.println("saved " + step);
      }
    }
  }

  /** Saves a small checkpoint, then ones that the limit of a file's size stops in each file. */
  static final class SavingTooMuch {

    private SavingTooMuch() {}

    public static void main(String[] args) {
      Checkpoints checkpoints = Checkpoints.open(Path.of(args[0]), 1);
      checkpoints.save(TinyCheckpoints.at(1));
      save(checkpoints, TinyCheckpoints.of(2, Map.of(), numbers(LIMIT_KIB << 10)));
      // The parameters stand in the policy's file too, which is the smaller one.
      int almost = (LIMIT_KIB << 10) / Float.BYTES - 50;
      save(checkpoints, TinyCheckpoints.of(3, Map.of(), numbers(almost)));
      Checkpoint small = TinyCheckpoints.at(4);
      TreeMap<String, String> large = new TreeMap<>(Map.of("x", "x".repeat(LIMIT_KIB << 10)));
      save(
          checkpoints,
          new Checkpoint(
              4, 0, small.best(), large, small.metadata(), small.kept(), small.learner()));
    }

    private static void save(Checkpoints checkpoints, Checkpoint checkpoint) {
      try {
        checkpoints.save(checkpoint);
        System.out.println("saved");
      } catch (UncheckedIOException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  private static SortedMap<String, HostTensor> numbers(int count) {
    return new TreeMap<>(Map.of("x", new HostTensor(List.of((long) count), new float[count])));
  }

  @Test
  void save_killedAtAnyMoment_leavesTheLastOneWhole() throws Exception {
    Random random = new Random(1);
    int saved = 0;
    for (int kill = 0; kill < 3; kill++) {
      try (FlowLoopProcess process =
          FlowLoopProcess.startMain(
              SavingForEver.class, run.toString(), Integer.toString(saved + 1))) {
        process.awaitLine("saved " + (saved + 2) + "$");
        process.endsWithin(Duration.ofNanos(random.nextLong(50_000_000)));
        assertThat(process.kill()).isEqualTo(FlowLoopProcess.KILLED);
        saved = Integer.parseInt(process.output().lines().toList().getLast().substring(6));
      }
      assertThat(Checkpoints.weights(Checkpoints.resolve(run)).version())
          .isBetween(2L * saved, 2L * (saved + 1));
      List<String> torn = new ArrayList<>();
      Path latest = Checkpoints.latestWhole(run, torn::add).orElseThrow();
      assertThat(torn).isEmpty();
      assertThat(Checkpoints.load(latest).step()).isBetween(saved, saved + 1);
    }
  }

  @Test
  void save_filesLimited_failsInEachFileAndLeavesTheOneBefore() throws Exception {
    List<String> lines;
    try (FlowLoopProcess process =
        FlowLoopCommand.ofMain(SavingTooMuch.class, run.toString())
            .within("sh", "-c", "ulimit -f $((%d * 2)) && exec \"$@\"".formatted(LIMIT_KIB), "sh")
            // A file that the JVM keeps for observers would be limited too.
            .withFlags("-XX:-UsePerfData")
            .start()) {
      assertThat(process.exitCode()).as(process.output()).isZero();
      lines = process.output().lines().toList();
    }

    assertThat(lines)
        .hasSize(3)
        .allSatisfy(line -> assertThat(line).contains("cannot be written", "File too large"));
    assertThat(lines.getFirst()).contains("step-000002: the checkpoint of step 2");
    assertThat(run.resolve("checkpoints").toFile().list()).containsExactly("step-000001");
    TinyCheckpoints.assertSame(
        Checkpoints.load(run.resolve("checkpoints/step-000001")), TinyCheckpoints.at(1));
  }

  @Test
  void save_diskFullAtAnyPoint_failsAndLeavesTheOneBefore() throws Exception {
    Path disk = Files.createDirectory(run.resolve("disk"));
    assumeThat(Shell.exitCode("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk.toString()))
        .as("mounting a small disk")
        .isZero();
    try {
      assertThat(failuresOnFillingDisk(disk)).isGreaterThan(10);
    } finally {
      assertThat(Shell.exitCode("umount", disk.toString())).isZero();
    }
  }

  /** Saves on a disk with ever less space left, until nothing of a checkpoint fits. */
  private static int failuresOnFillingDisk(Path disk) throws IOException {
    Checkpoints checkpoints = Checkpoints.open(disk, 1);
    int failures = 0;
    int last = 0;
    for (int step = 1; step <= 30; step++) {
      try {
        checkpoints.save(TinyCheckpoints.of(step, Map.of(), numbers(5000)));
        last = step;
      } catch (UncheckedIOException e) {
        failures++;
        assertThat(e).hasMessageContainingAll("of step " + step, "No space left on device");
      }
      assertThat(disk.resolve("checkpoints").toFile().list())
          .containsExactly("step-%06d".formatted(last));
      assertThat(Checkpoints.latestWhole(disk, torn -> {})).isPresent();
      fill(disk.resolve("ballast-" + step));
    }
    return failures;
  }

  /** Takes a page, if there is one left. */
  private static void fill(Path file) {
    try {
      Files.write(file, new byte[4096]);
    } catch (IOException e) {
      // The disk is full to the last byte, as it should be.
    }
  }
}
