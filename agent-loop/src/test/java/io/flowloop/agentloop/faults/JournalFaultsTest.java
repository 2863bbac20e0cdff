package io.flowloop.agentloop.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.agentloop.FlowLoop;
import io.flowloop.agentloop.Tracker;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.engine.RgbImage;
import io.flowloop.reward.RewardFunction;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.ToyEngines;
import io.flowloop.rollout.ToyLearner;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A training of two steps whose second one has a journal: two groups of two rows. */
@FaultMatrix
class JournalFaultsTest {

  private static final int GROUPS = 2;
  private static final int SAMPLES = 4;

  @TempDir Path dir;

  private final FaultTable table;
  private final ToyEngines engines = new ToyEngines();
  private final ToyLearner learner = new ToyLearner();
  private final Journaled journaled = new Journaled();

  JournalFaultsTest(FaultTable table) {
    this.table = table;
  }

  private static final class Brightness implements RewardFunction {

    @Override
    public String name() {
      return "brightness";
    }

    @Override
    public double score(String prompt, RgbImage image) {
      return ToyEngines.brightness(prompt, image).total();
    }
  }

  /** Notes how many groups of the last step came from its journal. */
  private static final class Journaled implements Tracker {

    private int groups;

    @Override
    public String name() {
      return "journaled";
    }

    @Override
    public void onStep(Metrics metrics) {
      groups = metrics.values().getOrDefault("rollout/groups_journaled", Double.NaN).intValue();
    }
  }

  private FlowLoop loop(Path run, int port) {
    FlowLoopConfig config =
        ConfigLoader.load(
                ConfigSources.of(
                    "data.promptsPerStep=" + GROUPS,
                    "rollout.n=2",
                    "rollout.engines=1",
                    "update.miniBatch=4",
                    "trainer.steps=2",
                    "trainer.saveEvery=1",
                    "trainer.validateEvery=2",
                    "trainer.trackers=[]",
                    "trainer.journal=true",
                    "trainer.dir=" + run,
                    "validation.prompts=1",
                    "validation.n=1",
                    "http.port=" + port),
                FlowLoop.knownNames())
            .config();
    return FlowLoop.builder(config)
        .engines(engines)
        .learner(learner)
        .promptCheck(_ -> {})
        .ownRewardsOnly()
        .rewardFunction(new Brightness(), 1)
        .tracker(journaled)
        .build();
  }

  @Test
  void tornAtEveryByte_drawsWhatIsMissingToTheSameBits() throws Exception {
    int port = freePort();
    Path run = dir.resolve("run");
    try (FlowLoop loop = loop(run, port)) {
      byte[] journal = trainToTheUpdateOfStepTwo(loop, run);
      byte[] expected = undisturbed();
      int done = 0;
      int twice = 0;
      for (int length = 0; length <= journal.length; length++) {
        rewind(run, Arrays.copyOf(journal, length));
        int before = engines.drawn().size();

        assertThat(loop.resume().step()).isEqualTo(2);

        // One more is the validation's.
        int drawn = engines.drawn().size() - before - 1;
        assertThat(drawn + journaled.groups).as("torn at byte %d", length).isEqualTo(GROUPS);
        assertThat(Files.readAllBytes(policy(run, 2)))
            .as("torn at byte %d", length)
            .isEqualTo(expected);
        Set<Integer> rows = new HashSet<>();
        learner
            .updates()
            .getLast()
            .samples()
            .forEach(sample -> rows.add(sample.sample().row().row()));
        done += rows.size();
        twice += learner.updates().getLast().samples().size() - rows.size();
      }
      assertThat(journaled.groups).as("taken from the whole journal").isEqualTo(GROUPS);
      table.add(
          new FaultRow(
              17,
              "a journal torn at every byte",
              "cut to each of %d lengths, and the training gone on with".formatted(journal.length),
              SAMPLES * (journal.length + 1),
              done,
              twice,
              leases(port),
              Duration.ZERO));
    }
  }

  private byte[] trainToTheUpdateOfStepTwo(FlowLoop loop, Path run) throws IOException {
    learner.before(
        update -> {
          if (update.trainingStep() == 1) {
            throw new IllegalStateException("torn away");
          }
        });
    assertThatThrownBy(loop::train)
        .isInstanceOf(RolloutException.class)
        .hasRootCauseMessage("torn away");
    learner.before(_ -> {});
    return Files.readAllBytes(journal(run));
  }

  private byte[] undisturbed() throws IOException {
    Path run = dir.resolve("undisturbed");
    try (FlowLoop loop = loop(run, freePort())) {
      assertThat(loop.train().step()).isEqualTo(2);
    }
    return Files.readAllBytes(policy(run, 2));
  }

  /** Back to the first step's checkpoint, with this journal of the second step. */
  private static void rewind(Path run, byte[] journal) throws IOException {
    Path later = run.resolve("checkpoints/step-000002");
    if (Files.exists(later)) {
      try (Stream<Path> all = Files.walk(later)) {
        for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
    Files.createDirectories(journal(run).getParent());
    Files.write(journal(run), journal);
  }

  private static Path journal(Path run) {
    return run.resolve("journal/step-000002.journal");
  }

  private static Path policy(Path run, int step) {
    return run.resolve("checkpoints/step-%06d/policy.safetensors".formatted(step));
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  private static int leases(int port) throws IOException, InterruptedException {
    URI metrics = URI.create("http://127.0.0.1:%d/metrics".formatted(port));
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client
          .send(HttpRequest.newBuilder(metrics).build(), HttpResponse.BodyHandlers.ofLines())
          .body()
          .filter(line -> line.startsWith("flowloop_leases{"))
          .mapToInt(line -> (int) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
          .sum();
    }
  }
}
