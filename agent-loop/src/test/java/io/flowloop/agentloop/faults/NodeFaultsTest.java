package io.flowloop.agentloop.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.cli.FlowLoopCommand;
import io.flowloop.agentloop.cli.FlowLoopProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes that die, leave, hang and drag while a trainer in another process draws on them. */
@FaultMatrix
class NodeFaultsTest {

  /** Time of a denoising step, a tenth of a group's. */
  private static final long STEP_MILLIS = 10;

  private static final int STEPS = 30;

  @TempDir Path dir;

  private final FaultTable table;
  private FaultCluster cluster;
  private FlowLoopProcess trainer;
  private FlowLoopProcess first;
  private FlowLoopProcess second;

  /** Of the first node. */
  private final int port = FaultCluster.freePort();

  NodeFaultsTest(FaultTable table) {
    this.table = table;
  }

  @BeforeEach
  void start() throws InterruptedException {
    cluster = new FaultCluster(dir, FaultCluster.LOOPBACK);
    trainer = cluster.start(cluster.trainer(STEPS, 0, "cluster.minEngines=2"));
    first = cluster.start(node(port));
    second = cluster.start(node(0));
    FaultCluster.awaitJoined(trainer, 2);
    String _ = trainer.awaitLine("^step 3$");
  }

  @AfterEach
  void stop() {
    cluster.close();
  }

  private FlowLoopCommand node(int messages) {
    return cluster.node(FaultCluster.LOOPBACK, STEP_MILLIS, "cluster.port=" + messages);
  }

  private void assertHolds(int number, String fault, String how, Duration recovery)
      throws InterruptedException {
    Verdict verdict = FaultCluster.verdict(trainer);
    assertThat(trainer.exitCode()).as(trainer.output()).isZero();
    table.add(verdict.row(number, fault, how, recovery));
  }

  @Test
  void killed_itsGroupsRunElsewhereWithin10Seconds() throws InterruptedException {
    long begun = System.nanoTime();
    assertThat(first.kill()).isEqualTo(FlowLoopProcess.KILLED);
    Duration recovery = FaultCluster.recovery(trainer, begun);

    assertHolds(1, "an engine node dies", "kill -9 of one of two, mid-forward", recovery);
    assertThat(recovery).isLessThan(Duration.ofSeconds(10));
  }

  @Test
  void killedAndStartedAgain_itDrawsAgain() throws InterruptedException {
    long begun = System.nanoTime();
    assertThat(first.kill()).isEqualTo(FlowLoopProcess.KILLED);
    var _ = cluster.start(node(port));
    String _ = trainer.awaitLine("engine 0 of 127.0.0.1:%d, start 2 joins$".formatted(port));
    Duration recovery = Duration.ofNanos(System.nanoTime() - begun);

    assertHolds(1, "an engine node dies", "kill -9 of one of two, started again", recovery);
  }

  @Test
  void terminated_itsGroupsRunElsewhereWithin3Seconds() throws InterruptedException {
    long begun = System.nanoTime();
    first.terminate();
    Duration recovery = FaultCluster.recovery(trainer, begun);

    assertHolds(1, "an engine node leaves", "SIGTERM of one of two, mid-forward", recovery);
    assertThat(recovery).isLessThan(Duration.ofSeconds(3));
  }

  @Test
  void paused20Seconds_itsGroupsRunElsewhereAndItComesBack() throws InterruptedException {
    long begun = System.nanoTime();
    first.pause();
    Duration recovery = FaultCluster.recovery(trainer, begun);
    boolean _ = second.endsWithin(Duration.ofSeconds(20).minus(recovery));
    first.resume();
    String _ = first.awaitLine("ended: LEFT");
    String _ = first.awaitLine("joined the cluster");

    assertHolds(4, "an engine node hangs", "SIGSTOP for 20 s, then SIGCONT", recovery);
  }

  @Test
  void tenTimesSlower_theOthersDrawMore() throws InterruptedException, IOException {
    cluster.fault(1, "slow");
    Duration recovery = FaultCluster.recovery(trainer, System.nanoTime());

    assertHolds(5, "an engine ten times slower", "its denoising steps take 100 ms", recovery);
  }

  @Test
  void forwardNeverReturns_itsGroupsRunElsewhere() throws InterruptedException, IOException {
    long begun = System.nanoTime();
    cluster.fault(1, "hung");
    Duration recovery = FaultCluster.recovery(trainer, begun);

    assertHolds(6, "a forward that never returns", "an engine stops between two steps", recovery);
    assertThat(recovery).isLessThan(Duration.ofSeconds(3));
  }
}
