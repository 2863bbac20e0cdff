package io.flowloop.agentloop.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.cli.FlowLoopCommand;
import io.flowloop.agentloop.cli.FlowLoopProcess;
import io.flowloop.rollout.DevelopmentCa;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Those who have no business with a cluster, while it draws. */
@FaultMatrix
class StrangerFaultsTest {

  private static final long STEP_MILLIS = 10;
  private static final int STEPS = 20;
  private static final int CONNECTIONS = 500;
  private static final String CERTIFICATES = "cluster.certificates=";

  @TempDir Path dir;

  private final FaultTable table;
  private final int dataPort = FaultCluster.freePort();
  private FaultCluster cluster;
  private FlowLoopProcess trainer;

  StrangerFaultsTest(FaultTable table) {
    this.table = table;
  }

  @BeforeEach
  void start() throws InterruptedException {
    cluster = new FaultCluster(dir, FaultCluster.LOOPBACK);
    trainer = cluster.start(cluster.trainer(STEPS, 0, "cluster.dataPort=" + dataPort));
    var _ = cluster.start(cluster.node(FaultCluster.LOOPBACK, STEP_MILLIS));
    String _ = trainer.awaitLine("^step 3$");
  }

  @AfterEach
  void stop() {
    cluster.close();
  }

  /** The run came to its end with the one node that belongs to it, which was never lost. */
  private void assertHolds(int number, String fault, String how) throws InterruptedException {
    Verdict verdict = FaultCluster.verdict(trainer);
    assertThat(trainer.exitCode()).as(trainer.output()).isZero();
    assertThat(Pattern.compile(" joins\n").matcher(trainer.output()).results()).hasSize(1);
    assertThat(verdict.retries()).isZero();
    table.add(verdict.row(number, fault, how, Duration.ZERO));
  }

  @Test
  void garbage_onEveryPort_disturbsNobody() throws InterruptedException {
    Random random = new Random(5);
    int sent = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
      sent += garbage(i % 2 == 0 ? cluster.port() : dataPort, random);
    }

    assertThat(sent).isGreaterThan(CONNECTIONS / 2);
    assertHolds(12, "malformed frames", CONNECTIONS + " connections of random bytes");
  }

  /** What a stranger may send: noise, the head of a frame of 2 GiB, or nothing. */
  private static int garbage(int port, Random random) {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      byte[] bytes = new byte[random.nextInt(4096)];
      random.nextBytes(bytes);
      socket.getOutputStream().write(bytes);
      socket.getOutputStream().write(new byte[] {'A', 'K', 'K', 'A', 1, -1, -1, -1, 127});
      return 1;
    } catch (IOException e) {
      return 0; // Closed on the way, as it should be.
    }
  }

  @Test
  void joiner_withoutCertificate_staysOutside() throws InterruptedException {
    FlowLoopProcess joiner = joiner("cluster.certificates=null", "cluster.insecure=true");

    assertHolds(14, "a joiner without certificate", "cluster.insecure");
    assertThat(joiner.output()).doesNotContain("joined the cluster");
  }

  @Test
  void joiner_ofAnotherAuthority_staysOutside() throws InterruptedException {
    Path other = DevelopmentCa.open(dir.resolve("other")).issue(FaultCluster.LOOPBACK);
    FlowLoopProcess joiner = joiner(CERTIFICATES + other);

    assertHolds(14, "a joiner of another authority", "its own flowloop certs");
    assertThat(joiner.output()).doesNotContain("joined the cluster");
  }

  @Test
  void joiner_withAnotherHostsCertificate_isRefusedByItself() throws InterruptedException {
    FlowLoopProcess joiner = joiner(CERTIFICATES + cluster.certificates("gpu-1"));

    assertThat(joiner.exitCode()).isNotZero();
    assertThat(joiner.output()).contains("(expected: 127.0.0.1, cluster.host");
    assertHolds(14, "a joiner with the wrong host", "a certificate for gpu-1");
  }

  @Test
  void joiner_ofAnotherClassTable_exits78AndSaysWhy() throws InterruptedException {
    List<String> args = new ArrayList<>(List.of("node", "model.threads=1", "rollout.engines=1"));
    args.addAll(cluster.joining(FaultCluster.LOOPBACK));
    FlowLoopProcess joiner =
        cluster.start(
            FlowLoopCommand.of(args.toArray(String[]::new))
                .withFlags("-Dflowloop.wire.fingerprint=of-another-version"));

    assertThat(joiner.exitCode()).as(joiner.output()).isEqualTo(78);
    assertThat(joiner.output()).contains("speaks another language");
    assertHolds(14, "a joiner of another class table", "exit 78");
  }

  /** A node that tries to join while the run goes on. */
  private FlowLoopProcess joiner(String... settings) throws InterruptedException {
    FlowLoopProcess joiner =
        cluster.start(cluster.node(FaultCluster.LOOPBACK, STEP_MILLIS, settings));
    if (!joiner.endsWithin(Duration.ofSeconds(1))) {
      String _ = trainer.awaitLine("^step \\d+$");
    }
    return joiner;
  }
}
