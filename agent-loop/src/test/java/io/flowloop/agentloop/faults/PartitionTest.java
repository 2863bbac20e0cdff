package io.flowloop.agentloop.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.agentloop.cli.FlowLoopCommand;
import io.flowloop.agentloop.cli.FlowLoopProcess;
import io.flowloop.agentloop.faults.Partition.Side;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("faults")
class PartitionTest {

  private static final int PORT = 7355;

  /** For what must not come. */
  private static final Duration SOON = Duration.ofMillis(300);

  /** Sends packets from one address to another, and tells of those that it gets. */
  static final class Talking {

    private Talking() {}

    public static void main(String[] args) throws Exception {
      InetSocketAddress other = new InetSocketAddress(args[1], PORT);
      try (DatagramSocket socket = new DatagramSocket(new InetSocketAddress(args[0], PORT))) {
        socket.setSoTimeout(10);
        while (true) {
          socket.send(new DatagramPacket(new byte[1], 1, other));
          try {
            socket.receive(new DatagramPacket(new byte[1], 1));
            System.out.println("heard");
          } catch (SocketTimeoutException e) {
            // Lost, or not there yet.
          }
        }
      }
    }
  }

  private static FlowLoopProcess talking(Partition partition, Side side, Side to) {
    return partition
        .on(side, FlowLoopCommand.ofMain(Talking.class, side.address(), to.address()))
        .start();
  }

  /** Reads on to what has been said by now. */
  private static void catchUp(FlowLoopProcess process) {
    assertThatThrownBy(() -> process.awaitLine("never written", SOON))
        .hasMessageContaining("after " + SOON);
  }

  private static void assertHears(FlowLoopProcess process) throws InterruptedException {
    catchUp(process);
    process.awaitLine("heard");
  }

  private static void assertHearsNothing(FlowLoopProcess process) {
    catchUp(process);
    assertThatThrownBy(() -> process.awaitLine("heard", SOON))
        .hasMessageContaining("after " + SOON);
  }

  @Test
  void down_eachWayAndBoth_losesThatAndNothingElse() throws InterruptedException {
    try (Partition partition = Partition.create();
        FlowLoopProcess left = talking(partition, Side.LEFT, Side.RIGHT);
        FlowLoopProcess right = talking(partition, Side.RIGHT, Side.LEFT)) {
      assertHears(left);
      assertHears(right);

      partition.down(Side.LEFT);
      assertHearsNothing(right);
      assertHears(left);

      partition.down(Side.RIGHT);
      assertHearsNothing(left);
      assertHears(right);

      partition.down();
      assertHearsNothing(left);
      assertHearsNothing(right);

      partition.up();
      assertHears(left);
      assertHears(right);
    }
  }

  @Test
  void close_processInside_killsItAndRemovesTheNamespaces() throws InterruptedException {
    Partition partition = Partition.create();
    try (FlowLoopProcess left = talking(partition, Side.LEFT, Side.RIGHT);
        FlowLoopProcess right = talking(partition, Side.RIGHT, Side.LEFT)) {
      assertHears(left);

      partition.close();

      assertThat(left.exitCode()).isEqualTo(FlowLoopProcess.KILLED);
      assertThat(right.exitCode()).isEqualTo(FlowLoopProcess.KILLED);
    }
    String ours = "flowloop-%d-".formatted(ProcessHandle.current().pid());
    assertThat(Partition.namespaces()).noneMatch(name -> name.startsWith(ours));
  }

  @Test
  void create_leftoversOfAKilledRun_removesThem() throws Exception {
    Partition.create().close();
    Process ended = new ProcessBuilder("true").start();
    ended.waitFor();
    String leftover = "flowloop-%d-1-left".formatted(ended.pid());
    Partition.ip("netns", "add", leftover);

    Partition.create().close();

    assertThat(Partition.namespaces()).doesNotContain(leftover);
  }
}
