package io.flowloop.agentloop.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.cli.FlowLoopProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rewards that are slower than the engines of a cluster. */
@FaultMatrix
class BacklogFaultsTest {

  private static final int STEPS = 12;
  private static final long REWARD_MILLIS = 10;
  private static final long MIB = 1 << 20;

  @TempDir Path dir;

  private final FaultTable table;

  BacklogFaultsTest(FaultTable table) {
    this.table = table;
  }

  @Test
  void slowRewards_memoryOfTheTrainerStaysThatOfAStep() throws InterruptedException {
    try (FaultCluster cluster = new FaultCluster(dir, FaultCluster.LOOPBACK)) {
      FlowLoopProcess trainer =
          cluster.start(
              cluster.trainer(
                  STEPS, REWARD_MILLIS, "data.promptsPerStep=64", "reward.concurrency=2"));
      var _ = cluster.start(cluster.node(FaultCluster.LOOPBACK, 0));
      List<Long> heaps = new ArrayList<>();
      for (int step = 2; step < STEPS; step += 3) {
        String _ = trainer.awaitLine("^step %d$".formatted(step));
        heaps.add(ProcessUse.of(trainer.pid()).heap());
      }

      Verdict verdict = FaultCluster.verdict(trainer);
      assertThat(trainer.exitCode()).as(trainer.output()).isZero();
      assertThat(heaps.getLast()).isLessThan(heaps.getFirst() + 8 * MIB);
      table.add(
          verdict.row(
              23,
              "a backlog of rewards",
              "10 ms an image, engines of no time: heap %d then %d MiB"
                  .formatted(heaps.getFirst() / MIB, heaps.getLast() / MIB),
              Duration.ZERO));
    }
  }
}
