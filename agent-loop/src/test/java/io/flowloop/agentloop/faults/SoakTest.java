package io.flowloop.agentloop.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.cli.FlowLoopProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Half an hour of a trainer and two nodes with engines of 50 ms a group, one of which is killed
 * every 30 s and replaced. {@code -Dsoak.minutes} makes it shorter.
 */
@Tag("soak")
class SoakTest {

  private static final Duration TIME = Duration.ofMinutes(Long.getLong("soak.minutes", 30));
  private static final Duration BETWEEN_KILLS = Duration.ofSeconds(30);
  private static final long STEP_MILLIS = 5;
  private static final int ROWS_OF_A_GROUP = 4;
  private static final double MIB = 1 << 20;

  /**
   * What a trainer may use more at the end than after a tenth of the time: each process that was
   * killed is remembered by Artery for an hour, and compiled code grows for a while.
   */
  private static final double FLAT = 1.25;

  @TempDir Path dir;

  @Test
  void nodesKilledAllTheTime_nothingIsLostAndTheTrainerStaysAsItIs() throws InterruptedException {
    try (FaultCluster cluster = new FaultCluster(dir, FaultCluster.LOOPBACK)) {
      FlowLoopProcess trainer = cluster.start(cluster.trainer(TIME));
      Deque<FlowLoopProcess> nodes = new ArrayDeque<>();
      nodes.add(node(cluster));
      nodes.add(node(cluster));
      String _ = trainer.awaitLine("^step 1$");
      List<ProcessUse> uses = new ArrayList<>();
      int kills = 0;
      while (!trainer.endsWithin(BETWEEN_KILLS)) {
        assertThat(nodes.remove().kill()).isEqualTo(FlowLoopProcess.KILLED);
        nodes.add(node(cluster));
        kills++;
        uses.add(use(trainer, kills));
      }

      Verdict verdict = FaultCluster.verdict(trainer);
      System.out.printf("%d kills, %s%n", kills, verdict);
      assertThat(trainer.exitCode()).isZero();
      assertThat(verdict.done()).isEqualTo(verdict.expected());
      assertThat(verdict.countedTwice()).isZero();
      assertThat(verdict.leases()).isZero();
      assertThat(verdict.done() / ROWS_OF_A_GROUP / TIME.toMinutes()).isGreaterThan(10_000 / 30);
      assertFlat(uses);
    }
  }

  private static FlowLoopProcess node(FaultCluster cluster) {
    return cluster.start(cluster.node(FaultCluster.LOOPBACK, STEP_MILLIS));
  }

  private static ProcessUse use(FlowLoopProcess trainer, int kills) {
    ProcessUse use = ProcessUse.of(trainer.pid());
    System.out.printf(
        Locale.ROOT,
        "after %3d kills: heap %5.1f MiB, resident %6.1f MiB, %d threads, %d files%n",
        kills,
        use.heap() / MIB,
        use.resident() / MIB,
        use.threads(),
        use.files());
    return use;
  }

  private static void assertFlat(List<ProcessUse> uses) {
    ProcessUse early = uses.get(uses.size() / 10);
    ProcessUse late = uses.getLast();
    assertThat((double) late.heap()).as("heap").isLessThan(early.heap() * FLAT + 8 * MIB);
    assertThat((double) late.resident()).as("resident").isLessThan(early.resident() * FLAT);
    assertThat((double) late.threads()).as("threads").isLessThan(early.threads() * FLAT);
    assertThat((double) late.files()).as("files").isLessThan(early.files() * FLAT);
  }
}
