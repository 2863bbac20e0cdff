package io.flowloop.agentloop.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.flowloop.agentloop.cli.FlowLoopCommand;
import io.flowloop.agentloop.cli.FlowLoopProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A trainer and a node whose clocks of the day jump, by libfaketime where it is installed. */
@FaultMatrix
class ClockFaultsTest {

  private static final Path LIBRARY =
      Path.of("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1");
  private static final long STEP_MILLIS = 10;
  private static final int STEPS = 20;

  @TempDir Path dir;

  private final FaultTable table;
  private FaultCluster cluster;
  private FlowLoopProcess trainer;

  ClockFaultsTest(FaultTable table) {
    this.table = table;
  }

  @BeforeEach
  void start() throws InterruptedException, IOException {
    assumeTrue(Files.exists(LIBRARY), LIBRARY + " is not there (apt-get install libfaketime)");
    cluster = new FaultCluster(dir, FaultCluster.LOOPBACK);
    jump("trainer", "+0");
    jump("node", "+0");
    trainer = cluster.start(clocked("trainer", cluster.trainer(STEPS, 0)));
    var _ = cluster.start(clocked("node", cluster.node(FaultCluster.LOOPBACK, STEP_MILLIS)));
    String _ = trainer.awaitLine("^step 3$");
  }

  @AfterEach
  void stop() {
    if (cluster != null) {
      cluster.close();
    }
  }

  private FlowLoopCommand clocked(String name, FlowLoopCommand command) {
    return command
        .withVariable("LD_PRELOAD", LIBRARY.toString())
        .withVariable("FAKETIME_TIMESTAMP_FILE", dir.resolve(name).toString())
        .withVariable("FAKETIME_CACHE_DURATION", "1")
        .withVariable("DONT_FAKE_MONOTONIC", "1");
  }

  private void jump(String name, String offset) throws IOException {
    Files.writeString(dir.resolve(name), offset);
  }

  @Test
  void clocks_thatJumpAnHourApart_disturbNobody() throws InterruptedException, IOException {
    jump("trainer", "+40m");
    String _ = trainer.awaitLine("^step \\d+$");
    jump("node", "-20m");
    String _ = trainer.awaitLine("^step \\d+$");
    jump("trainer", "-10m");

    Verdict verdict = FaultCluster.verdict(trainer);
    assertThat(trainer.exitCode()).as(trainer.output()).isZero();
    assertThat(verdict.retries()).isZero();
    table.add(
        verdict.row(22, "clocks that jump", "an hour apart and back, libfaketime", Duration.ZERO));
  }
}
