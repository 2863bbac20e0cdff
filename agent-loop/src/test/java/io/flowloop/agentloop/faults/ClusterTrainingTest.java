package io.flowloop.agentloop.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.cli.FlowLoopCommand;
import io.flowloop.agentloop.cli.FlowLoopProcess;
import io.flowloop.agentloop.cli.TinyTraining;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code flowloop train} and {@code flowloop node} as processes over TLS: whatever dies, the run
 * ends with the bits of one process that nobody disturbed.
 */
@FaultMatrix
class ClusterTrainingTest {

  private static final int STEPS = 20;
  private static final int IMAGES_OF_A_STEP = 4;

  @TempDir Path dir;

  private final FaultTable table;
  private FaultCluster cluster;

  ClusterTrainingTest(FaultTable table) {
    this.table = table;
  }

  @BeforeEach
  void start() {
    cluster = new FaultCluster(dir, FaultCluster.LOOPBACK);
  }

  @AfterEach
  void stop() {
    cluster.close();
  }

  private String[] training(String name, List<String> more) {
    List<String> settings =
        new ArrayList<>(
            List.of(
                "trainer.steps=" + STEPS,
                "trainer.saveEvery=3",
                "trainer.trackers=[metrics]",
                "model.threads=1"));
    settings.addAll(more);
    return TinyTraining.args(dir, dir.resolve(name), settings.toArray(String[]::new));
  }

  private FlowLoopProcess trainer(String name, String... more) {
    List<String> settings =
        new ArrayList<>(
            List.of(
                "cluster.enabled=true",
                "cluster.port=" + cluster.port(),
                "cluster.dataPort=0",
                "cluster.certificates=" + cluster.certificates(FaultCluster.LOOPBACK)));
    settings.addAll(List.of(more));
    return cluster.start(FlowLoopCommand.of(training(name, settings)));
  }

  private FlowLoopProcess node() {
    String model =
        Stream.of(training("unused", List.of()))
            .filter(setting -> setting.startsWith("model.weights="))
            .findFirst()
            .orElseThrow();
    List<String> args = new ArrayList<>(List.of("node", "--preset=glyph-smoke", model));
    args.addAll(List.of("model.threads=1", "rollout.engines=1"));
    args.addAll(cluster.joining(FaultCluster.LOOPBACK));
    return cluster.start(FlowLoopCommand.of(args.toArray(String[]::new)));
  }

  /** The same run in one process. */
  private Path undisturbed() throws InterruptedException {
    try (FlowLoopProcess alone =
        FlowLoopProcess.start(training("alone", List.of("rollout.engines=1")))) {
      assertThat(alone.exitCode()).as(alone.output()).isZero();
    }
    return dir.resolve("alone");
  }

  private void assertSame(int number, String fault, String how, String run, Duration recovery)
      throws InterruptedException, IOException {
    TinyTraining.assertSame(dir.resolve(run), undisturbed(), STEPS);
    List<Integer> steps = steps(dir.resolve(run));
    Set<Integer> once = new TreeSet<>(steps);
    table.add(
        new FaultRow(
            number,
            fault,
            how,
            STEPS * IMAGES_OF_A_STEP,
            once.size() * IMAGES_OF_A_STEP,
            (steps.size() - once.size()) * IMAGES_OF_A_STEP,
            0,
            recovery));
  }

  /** The training steps that the metrics tell of. */
  private static List<Integer> steps(Path run) throws IOException {
    return Pattern.compile("\"step\": ?(\\d+).*\"rollout/rows\"")
        .matcher(Files.readString(run.resolve("metrics.jsonl")))
        .results()
        .map((MatchResult found) -> Integer.parseInt(found.group(1)))
        .toList();
  }

  @Test
  void train_trainerAndTwoNodes_endsWithTheBitsOfOneProcess()
      throws InterruptedException, IOException {
    FlowLoopProcess trainer = trainer("run", "cluster.minEngines=2");
    FlowLoopProcess first = node();
    FlowLoopProcess second = node();

    assertThat(trainer.exitCode()).as(trainer.output()).isZero();

    String _ = first.awaitLine("the run has ended; waiting for the next one");
    second.terminate();
    assertThat(second.exitCode()).as(second.output()).isZero();
    assertSame(0, "none", "a trainer and two nodes", "run", Duration.ZERO);
  }

  @Test
  void train_trainerKilled_goesOnWithTheNodesThatItHad() throws InterruptedException, IOException {
    FlowLoopProcess trainer = trainer("run", "cluster.minEngines=2");
    var _ = node();
    var _ = node();
    String _ = trainer.awaitLine("step 8/");
    long begun = System.nanoTime();
    assertThat(trainer.kill()).isEqualTo(FlowLoopProcess.KILLED);

    FlowLoopProcess again = trainer("run", "cluster.minEngines=2", "--resume");
    String _ = again.awaitLine("step \\d+/");
    Duration recovery = Duration.ofNanos(System.nanoTime() - begun);

    assertThat(again.exitCode()).as(again.output()).isZero();
    assertSame(2, "the trainer dies", "kill -9, then --resume", "run", recovery);
  }

  @Test
  void train_everyProcessRestarted_endsWithTheSameBits() throws InterruptedException, IOException {
    FlowLoopProcess trainer = trainer("run");
    FlowLoopProcess first = node();
    FlowLoopProcess second = node();
    String _ = trainer.awaitLine("step 3/");
    long begun = System.nanoTime();
    assertThat(second.kill()).isEqualTo(FlowLoopProcess.KILLED);
    var _ = node();
    assertThat(first.kill()).isEqualTo(FlowLoopProcess.KILLED);
    String _ = trainer.awaitLine("step \\d+/");
    trainer.terminate();
    assertThat(trainer.exitCode()).as(trainer.output()).isZero();
    var _ = node();
    FlowLoopProcess again = trainer("run", "--resume");
    String _ = again.awaitLine("step \\d+/");
    Duration recovery = Duration.ofNanos(System.nanoTime() - begun);

    assertThat(again.exitCode()).as(again.output()).isZero();
    assertSame(24, "all restarted", "nodes by kill -9, the trainer by SIGTERM", "run", recovery);
  }
}
