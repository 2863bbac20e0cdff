package io.flowloop.agentloop.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.cli.FlowLoopProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes that score die and leave while a trainer in another process has no rewards of its own. */
@FaultMatrix
class RewardFaultsTest {

  private static final long STEP_MILLIS = 1;

  /** Time of a reward: a step's images are drawn five times as fast as two nodes score them. */
  private static final long REWARD_MILLIS = 50;

  private static final int STEPS = 30;
  private static final String CANNOT_BE_REACHED =
      "rewards of \\S+ cannot be reached; others score its [1-9]\\d* images";

  @TempDir Path dir;

  private final FaultTable table;
  private final List<FlowLoopProcess> scorers = new ArrayList<>();
  private FaultCluster cluster;
  private FlowLoopProcess trainer;

  RewardFaultsTest(FaultTable table) {
    this.table = table;
  }

  @BeforeEach
  void startTrainer() {
    cluster = new FaultCluster(dir, FaultCluster.LOOPBACK);
    trainer =
        cluster.start(
            cluster.trainer(
                STEPS, 0, "cluster.roles=[trainer, worker]", "rollout.requestTimeout=60 s"));
  }

  @AfterEach
  void stop() {
    cluster.close();
  }

  private FlowLoopProcess scorer(int port) {
    return cluster.start(
        cluster.scorer(FaultCluster.LOOPBACK, REWARD_MILLIS, "cluster.port=" + port));
  }

  /** Has nodes score, and one more draw, until the run is under way. */
  private void startNodes(int... ports) throws InterruptedException {
    for (int port : ports) {
      scorers.add(scorer(port));
    }
    FaultCluster.awaitJoined(trainer, ports.length);
    var _ = cluster.start(cluster.node(FaultCluster.LOOPBACK, STEP_MILLIS));
    String _ = trainer.awaitLine("^step 3$");
  }

  private void assertHolds(String fault, String how, Duration recovery)
      throws InterruptedException {
    Verdict verdict = FaultCluster.verdict(trainer);
    assertThat(trainer.exitCode()).as(trainer.output()).isZero();
    table.add(verdict.row(11, fault, how, recovery));
    assertThat(verdict.wrongRewards()).isZero();
  }

  @Test
  void killed_itsImagesAreScoredElsewhereWithin10Seconds() throws InterruptedException {
    startNodes(0, 0);
    long begun = System.nanoTime();
    assertThat(scorers.getFirst().kill()).isEqualTo(FlowLoopProcess.KILLED);
    Duration recovery = FaultCluster.recovery(trainer, begun);

    assertHolds("a reward node dies", "kill -9 of one of two, while it scores", recovery);
    assertThat(trainer.output()).containsPattern(CANNOT_BE_REACHED);
    assertThat(recovery).isLessThan(Duration.ofSeconds(10));
  }

  @Test
  void terminated_itsImagesAreScoredElsewhereWithin3Seconds() throws InterruptedException {
    startNodes(0, 0);
    long begun = System.nanoTime();
    scorers.getFirst().terminate();
    Duration recovery = FaultCluster.recovery(trainer, begun);

    assertHolds("a reward node leaves", "SIGTERM of one of two, while it scores", recovery);
    assertThat(trainer.output()).containsPattern("rewards of \\S+ leaves");
    assertThat(recovery).isLessThan(Duration.ofSeconds(3));
  }

  @Test
  void killedAloneAndReplacedLater_itsImagesWaitForTheNewOne() throws InterruptedException {
    startNodes(0);
    long begun = System.nanoTime();
    assertThat(scorers.getFirst().kill()).isEqualTo(FlowLoopProcess.KILLED);
    String _ = trainer.awaitLine("rewards of \\S+: vanished");
    var _ = scorer(0);
    Duration recovery = FaultCluster.recovery(trainer, begun);

    assertHolds("the only reward node dies", "kill -9, another joins when it is removed", recovery);
    assertThat(trainer.output()).containsPattern(CANNOT_BE_REACHED);
  }

  @Test
  void killedAloneAndRestarted_itsImagesAreScoredByItsNextStart() throws InterruptedException {
    int port = FaultCluster.freePort();
    startNodes(port);
    long begun = System.nanoTime();
    assertThat(scorers.getFirst().kill()).isEqualTo(FlowLoopProcess.KILLED);
    var _ = scorer(port);
    Duration recovery = FaultCluster.recovery(trainer, begun);

    assertHolds(
        "the only reward node dies", "kill -9, started again at once with its ports", recovery);
    assertThat(trainer.output()).contains("rewards of 127.0.0.1:%d, start 2 joins".formatted(port));
  }
}
