package io.flowloop.agentloop.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.cli.FlowLoopProcess;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

@EnabledOnOs(OS.LINUX)
class ProcessUseTest {

  private static final int MIB = 1 << 20;
  private static final int HELD = 48 * MIB;
  private static final int MORE = 20;

  /** Holds so much more of everything. */
  static final class Holding {

    private Holding() {}

    public static void main(String[] args) throws Exception {
      int more = Integer.parseInt(args[0]);
      byte[] heap = new byte[more * HELD / MORE];
      List<ServerSocket> files = new ArrayList<>();
      CountDownLatch started = new CountDownLatch(more);
      for (int i = 0; i < more; i++) {
        files.add(new ServerSocket(0));
        Thread.ofPlatform()
            .start(
                () -> {
                  started.countDown();
                  join();
                });
      }
      started.await();
      System.out.println("holds " + files.size() + " and " + heap.length);
      join();
      // Held until here.
      System.out.println(files.size() + heap[0]);
    }

    private static void join() {
      try {
        Thread.currentThread().join();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  private static ProcessUse holding(int more) throws InterruptedException {
    try (FlowLoopProcess process =
        FlowLoopProcess.startMain(Holding.class, Integer.toString(more))) {
      process.awaitLine("holds");
      return ProcessUse.of(process.pid());
    }
  }

  @Test
  void of_processThatHoldsMore_showsIt() throws InterruptedException {
    ProcessUse few = holding(0);
    ProcessUse many = holding(MORE);

    assertThat(few.heap()).isPositive();
    assertThat(many.heap() - few.heap()).isBetween((long) HELD, HELD + 8L * MIB);
    assertThat(many.resident() - few.resident()).isGreaterThan(HELD / 2);
    assertThat(many.threads() - few.threads()).isBetween(MORE - 5, MORE + 5);
    assertThat(many.files() - few.files()).isBetween(MORE - 3, MORE + 3);
  }
}
