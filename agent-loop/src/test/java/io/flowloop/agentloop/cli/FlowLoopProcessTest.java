package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(OS.WINDOWS)
class FlowLoopProcessTest {

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
          .hasMessageContainingAll("never written", "before the process ended", "flowloop ");
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

  /** Says a word and waits for a signal. */
  static final class Waiting {

    private Waiting() {}

    public static void main(String[] args) throws InterruptedException {
      System.out.println(args[0]);
      Thread.currentThread().join();
    }
  }
}
