package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(OS.WINDOWS)
class FlowLoopProcessTest {

  /** For what must not come. */
  private static final Duration SOON = Duration.ofMillis(200);

  @TempDir Path temp;

  /** A pretraining that would take hours, and saves at every step. */
  private FlowLoopProcess pretrain(String... more) {
    List<String> args =
        List.of(
            "pretrain",
            "pretrain.dir=" + temp,
            "pretrain.steps=1000000",
            "pretrain.batchSize=2",
            "pretrain.saveEvery=1",
            "pretrain.sampleEvery=1",
            "sampler.numInferenceSteps=1",
            "sampler.sdeWindowSize=null",
            "sampler.sdeWindowRange=null");
    return FlowLoopProcess.start(
        Stream.concat(args.stream(), Stream.of(more)).toArray(String[]::new));
  }

  @Test
  void start_commandThatEnds_givesOutputAndExitCode() throws InterruptedException {
    try (FlowLoopProcess process = FlowLoopProcess.start("rollout", "rollout.m=3")) {
      assertThat(process.awaitLine("did you mean")).contains("rollout.m", "rollout.n");
      assertThat(process.exitCode()).isEqualTo(2);
      assertThat(process.output()).startsWith("1 problem").doesNotContain("WARNING");
    }
  }

  @Test
  void awaitLine_processEndsWithoutIt_failsWithTheOutput() {
    try (FlowLoopProcess process = FlowLoopProcess.start("--version")) {
      assertThatThrownBy(() -> process.awaitLine("never written"))
          .isInstanceOf(AssertionError.class)
          .hasMessageContainingAll(
              "never written", "before the process ended with exit code 0", "flowloop ");
    }
  }

  @Test
  void kill_pretraining_endsItAtOnceAndTheNextGoesOn() throws Exception {
    try (FlowLoopProcess process = pretrain()) {
      process.awaitLine("step 2:");
      assertThat(process.endsWithin(Duration.ZERO)).isFalse();
      assertThatThrownBy(() -> process.awaitLine("never written", Duration.ofMillis(1)))
          .hasMessageContaining("after PT0.001S");

      assertThat(process.kill()).isEqualTo(FlowLoopProcess.KILLED);

      assertThat(process.output()).doesNotContain("steps done");
    }
    try (FlowLoopProcess process = pretrain()) {
      assertThat(process.awaitLine("goes on after step")).doesNotContain("step 0");
      process.awaitLine("step \\d+:");

      process.terminate();

      assertThat(process.exitCode()).as(process.output()).isZero();
      assertThat(process.output()).contains("of 1000000 steps done");
    }
    assertThat(Files.exists(temp.resolve("checkpoint.safetensors"))).isTrue();
  }

  @Test
  void terminate_programThatDoesNotMind_endsByTheSignal() throws InterruptedException {
    try (FlowLoopProcess process = FlowLoopProcess.startMain(Waiting.class, "ready")) {
      process.awaitLine("ready");

      process.terminate();

      assertThat(process.exitCode()).isEqualTo(FlowLoopProcess.TERMINATED);
    }
  }

  @Test
  void start_commandWithMore_getsItAndLogsItsOutput() throws Exception {
    Path log = temp.resolve("node.log");
    try (FlowLoopProcess process =
        FlowLoopCommand.ofMain(Telling.class, "word")
            .withFlags("-Dtold=flag")
            .withVariable("TOLD", "variable")
            .within("sh", "-c", "echo within; exec \"$@\"", "sh")
            .withLog(log)
            .start()) {
      assertThat(process.exitCode()).as(process.output()).isZero();
      assertThat(process.output().lines())
          .containsExactly("within", "word flag variable " + process.pid());
      assertThat(log).hasContent(process.output());
    }
  }

  @Test
  void pause_program_saysNothingUntilResumed() throws InterruptedException {
    try (FlowLoopProcess process = FlowLoopProcess.startMain(Ticking.class)) {
      process.awaitLine("tick");

      process.pause();

      // What it had said before.
      assertThatThrownBy(() -> process.awaitLine("never written", SOON))
          .hasMessageContaining("after " + SOON);
      assertThatThrownBy(() -> process.awaitLine("tick", SOON))
          .hasMessageContaining("after " + SOON);
      process.resume();
      process.awaitLine("tick");
    }
  }

  @Test
  void kill_pausedProgram_endsIt() throws InterruptedException {
    try (FlowLoopProcess process = FlowLoopProcess.startMain(Ticking.class)) {
      process.pause();

      assertThat(process.kill()).isEqualTo(FlowLoopProcess.KILLED);
    }
  }

  /** Says what it was given, and who it is. */
  static final class Telling {

    private Telling() {}

    public static void main(String[] args) {
      System.out.println(
          String.join(
              " ",
              args[0],
              System.getProperty("told"),
              System.getenv("TOLD"),
              Long.toString(ProcessHandle.current().pid())));
    }
  }

  /** Speaks for ever. */
  static final class Ticking {

    private Ticking() {}

    public static void main(String[] args) {
      while (true) {
        System.out.println("tick");
        LockSupport.parkNanos(5_000_000);
      }
    }
  }

  /** Says a word and waits for a signal. */
  static final class Waiting {

    private Waiting() {}

    public static void main(String[] args) throws InterruptedException {
      System.out.println(args[0]);
      Thread.currentThread().join();
    }
  }
}
