package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.Checkpoints;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Training runs in processes that are killed and told to stop: gone on with, they end with the bits
 * of a run that nobody disturbed.
 */
@DisabledOnOs(OS.WINDOWS)
class TrainKillTest {

  private static final int STEPS = 30;

  /** For machines with much else to do. */
  private static final Duration LONGEST_STOP = Duration.ofSeconds(10);

  private static final String BEGUN = "step 0: validation|goes on after step";

  @TempDir static Path temp;

  /** A run that nobody disturbs. */
  private static Path whole = Path.of("");

  @TempDir Path own;

  private final Random random = new Random(3);

  @BeforeAll
  static void train() throws InterruptedException {
    whole = temp.resolve("whole");
    complete(tiny(whole));
  }

  /**
   * A run to its end, in a process like those that are disturbed: libtorch has one number of
   * threads for a process, and here another test may have chosen it, which changes bits.
   */
  private static void complete(String... args) throws InterruptedException {
    try (FlowLoopProcess process = FlowLoopProcess.start(args)) {
      assertThat(process.exitCode()).as(process.output()).isZero();
    }
  }

  private static String[] tiny(Path dir, String... more) {
    List<String> args = new ArrayList<>(List.of("trainer.steps=" + STEPS, "trainer.saveEvery=2"));
    args.addAll(List.of(more));
    return TinyTraining.args(temp, dir, args.toArray(String[]::new));
  }

  private static void assertSame(Path dir, Path expected, int step) {
    TinyTraining.assertSame(dir, expected, step);
    assertThat(dir.resolve("best/policy.safetensors"))
        .hasSameBinaryContentAs(expected.resolve("best/policy.safetensors"));
  }

  /** A step in the first two thirds, and a while after it. */
  private void awaitRandomMoment(FlowLoopProcess process) throws InterruptedException {
    process.awaitLine("step %d/".formatted(1 + random.nextInt(STEPS * 2 / 3)));
    process.endsWithin(Duration.ofNanos(random.nextLong(50_000_000)));
  }

  @Test
  void kill_randomMoment_resumesToTheSameBits() throws InterruptedException {
    Path dir = own.resolve("run");
    try (FlowLoopProcess process = FlowLoopProcess.start(tiny(dir))) {
      awaitRandomMoment(process);
      assertThat(process.kill()).as(process.output()).isEqualTo(FlowLoopProcess.KILLED);
    }

    complete(tiny(dir, "--resume"));
    assertSame(dir, whole, STEPS);
  }

  @Test
  void terminate_randomMoment_savesTheLastWholeStep() throws InterruptedException {
    Path dir = own.resolve("run");
    try (FlowLoopProcess process = FlowLoopProcess.start(tiny(dir, "trainer.saveEvery=1000"))) {
      awaitRandomMoment(process);
      long begun = System.nanoTime();
      process.terminate();

      assertThat(process.exitCode(LONGEST_STOP)).as(process.output()).isZero();

      System.out.printf("stopped within %.2f s%n", (System.nanoTime() - begun) / 1e9);
      assertThat(stepsTold(process) - savedStep(process, dir)).isBetween(0, 1);
    }
    complete(tiny(dir, "--resume"));
    assertSame(dir, whole, STEPS);
  }

  /** The step that a stopped process says to have ended with, which is the one that it saved. */
  private static int savedStep(FlowLoopProcess process, Path dir) {
    int stopped = last("stopped after (\\d+) steps", process);
    Path newest = Checkpoints.latestWhole(dir, torn -> {}).orElseThrow();
    assertThat(newest).isEqualTo(TinyTraining.checkpoint(dir, stopped));
    return stopped;
  }

  private static int stepsTold(FlowLoopProcess process) {
    return Math.max(last("step (\\d+)/", process), last("goes on after step (\\d+)", process));
  }

  /** The last number of such a line; 0 without one. */
  private static int last(String regex, FlowLoopProcess process) {
    return Pattern.compile(regex)
        .matcher(process.output())
        .results()
        .map((MatchResult found) -> Integer.parseInt(found.group(1)))
        .reduce(0, (_, last) -> last);
  }

  /*
   * The long forms: the embedded model and its OCR reward, disturbed ten times at random moments. A
   * run that ends before is compared, and another one begun.
   */

  private static final int TIMES = 10;
  private static final int LONG_STEPS = 24;

  private static String[] embedded(Path dir, int saveEvery, String... more) {
    return Stream.concat(
            Stream.of(
                "train",
                "--preset=glyph-smoke",
                "rollout.engines=1",
                "trainer.steps=" + LONG_STEPS,
                "trainer.validateEvery=8",
                "trainer.saveEvery=" + saveEvery,
                "trainer.trackers=[]",
                "trainer.dir=" + dir),
            Stream.of(more))
        .toArray(String[]::new);
  }

  /** How a process is disturbed; it has ended afterwards. */
  @FunctionalInterface
  private interface Disturbance {
    String on(FlowLoopProcess process, Path dir) throws InterruptedException;
  }

  private void disturb(
      int saveEvery, boolean journal, double longestInSteps, Disturbance disturbance)
      throws InterruptedException {
    Path expected = own.resolve("expected");
    Duration step = timedStep(expected, saveEvery);
    Path dir = own.resolve("run-1");
    for (int time = 1; time <= TIMES; ) {
      try (FlowLoopProcess process =
          FlowLoopProcess.start(
              embedded(dir, saveEvery, "--resume", "trainer.journal=" + journal))) {
        process.awaitLine(BEGUN);
        Duration moment =
            Duration.ofNanos((long) (random.nextDouble() * longestInSteps * step.toNanos()));
        if (process.endsWithin(moment)) {
          assertThat(process.exitCode()).as(process.output()).isZero();
          assertSame(dir, expected, LONG_STEPS);
          dir = dir.resolveSibling("after-" + time);
        } else {
          String outcome = disturbance.on(process, dir);
          System.out.printf(
              "%2d: went on after step %d, %s %.2f s later at step %d of %d%n",
              time++,
              last("goes on after step (\\d+)", process),
              outcome,
              moment.toNanos() / 1e9,
              stepsTold(process),
              LONG_STEPS);
        }
      }
    }
    complete(embedded(dir, saveEvery, "--resume", "trainer.journal=" + journal));
    assertSame(dir, expected, LONG_STEPS);
    System.out.println("the weights after step " + LONG_STEPS + " are bit-equal");
  }

  private static Duration timedStep(Path dir, int saveEvery) throws InterruptedException {
    long begun = System.nanoTime();
    complete(embedded(dir, saveEvery));
    return Duration.ofNanos(System.nanoTime() - begun).dividedBy(LONG_STEPS);
  }

  @Tag("faults")
  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void kill_tenRandomMoments_resumesToTheSameBits(int saveEvery) throws InterruptedException {
    disturb(
        saveEvery,
        false,
        3 * saveEvery + 4,
        (process, _) -> {
          assertThat(process.kill()).as(process.output()).isEqualTo(FlowLoopProcess.KILLED);
          return "killed";
        });
  }

  /** With no checkpoint but the last: all that is gone on with is in the journal. */
  @Tag("faults")
  @Test
  void kill_tenRandomMomentsWithAJournal_resumesToTheSameBits() throws InterruptedException {
    List<Integer> found = new ArrayList<>();
    disturb(
        LONG_STEPS,
        true,
        LONG_STEPS / 2,
        (process, _) -> {
          assertThat(process.kill()).as(process.output()).isEqualTo(FlowLoopProcess.KILLED);
          found.add(last("step (\\d+): \\d+ groups? found in the journal", process));
          return "killed, with the journal up to step " + found.getLast();
        });
    assertThat(found).anyMatch(step -> step > 0);
  }

  @Tag("faults")
  @Test
  void terminate_tenRandomMoments_savesEachTimeAndResumesToTheSameBits()
      throws InterruptedException {
    disturb(
        3,
        false,
        8,
        (process, dir) -> {
          long begun = System.nanoTime();
          process.terminate();
          assertThat(process.exitCode(LONGEST_STOP)).as(process.output()).isZero();
          double seconds = (System.nanoTime() - begun) / 1e9;
          assertThat(process.output()).contains("stopped after");
          if (stepsTold(process) > 1) {
            assertThat(stepsTold(process) - savedStep(process, dir)).isBetween(0, 1);
          }
          return "stopped within %.2f s, asked".formatted(seconds);
        });
  }
}
