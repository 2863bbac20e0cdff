package io.flowloop.agentloop.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.cli.FlowLoopProcess;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A trainer and a node on one host, and a node on another whose cable loses what it should. */
@FaultMatrix
class PartitionFaultsTest {

  private static final long STEP_MILLIS = 10;
  private static final int STEPS = 40;

  @TempDir Path dir;

  private final FaultTable table;
  private Partition partition;
  private FaultCluster cluster;
  private FlowLoopProcess trainer;
  private FlowLoopProcess far;

  PartitionFaultsTest(FaultTable table) {
    this.table = table;
  }

  @BeforeEach
  void start() throws InterruptedException {
    partition = Partition.create();
    String here = Partition.Side.LEFT.address();
    cluster = new FaultCluster(dir, here);
    trainer =
        cluster.start(
            partition.on(Partition.Side.LEFT, cluster.trainer(STEPS, 0, "cluster.minEngines=2")));
    var _ = cluster.start(partition.on(Partition.Side.LEFT, cluster.node(here, STEP_MILLIS)));
    far =
        cluster.start(
            partition.on(
                Partition.Side.RIGHT, cluster.node(Partition.Side.RIGHT.address(), STEP_MILLIS)));
    String _ = trainer.awaitLine("^step 3$");
  }

  @AfterEach
  void stop() {
    cluster.close();
    partition.close();
  }

  private void assertHolds(String fault, String how, Duration recovery)
      throws InterruptedException {
    Verdict verdict = FaultCluster.verdict(trainer);
    assertThat(trainer.exitCode()).as(trainer.output()).isZero();
    table.add(verdict.row(3, fault, how, recovery));
    assertThat(recovery).isLessThan(Duration.ofSeconds(10));
  }

  @Test
  void forGood_theNodesOnTheTrainersSideGoOn() throws InterruptedException {
    long begun = System.nanoTime();
    partition.down();
    Duration recovery = FaultCluster.recovery(trainer, begun);

    assertHolds("a partition for good", "two network namespaces, both ways", recovery);
    assertThat(far.awaitLine("ended: LEFT")).isNotEmpty();
  }

  @Test
  void healedAfter6Seconds_theNodeDrawsAgain() throws InterruptedException {
    long begun = System.nanoTime();
    partition.down();
    Duration recovery = FaultCluster.recovery(trainer, begun);
    boolean _ = far.endsWithin(Duration.ofSeconds(6).minus(recovery));
    partition.up();

    assertHolds("a partition of 6 s", "two network namespaces, healed", recovery);
  }

  @Test
  void oneWay_theNodeIsNotHeard() throws InterruptedException {
    long begun = System.nanoTime();
    partition.down(Partition.Side.RIGHT);
    Duration recovery = FaultCluster.recovery(trainer, begun);

    assertHolds("a partition one way", "what the node sends is lost", recovery);
  }

  @Test
  void otherWay_theNodeDoesNotHear() throws InterruptedException {
    long begun = System.nanoTime();
    partition.down(Partition.Side.LEFT);
    Duration recovery = FaultCluster.recovery(trainer, begun);

    assertHolds("a partition the other way", "what the trainer sends is lost", recovery);
  }
}
