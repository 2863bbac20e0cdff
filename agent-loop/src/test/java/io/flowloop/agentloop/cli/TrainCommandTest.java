package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import io.flowloop.agentloop.Checkpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TrainCommandTest {

  @TempDir static Path temp;

  /** A run that nobody stopped; tests only read its folder. */
  private static Path whole = Path.of("");

  private static Run finished = new Run(-1, "", "");

  @TempDir Path own;

  @BeforeAll
  static void train() {
    whole = temp.resolve("whole");
    finished = TinyTraining.run(temp, whole);
  }

  private static Run train(Path dir, String... more) {
    return TinyTraining.run(temp, dir, more);
  }

  @Test
  void train_toTheEnd_tellsStepsAndValidations() {
    assertThat(finished.exitCode()).as(finished.err()).isZero();
    assertThat(finished.err()).isEmpty();
    assertThat(finished.out())
        .containsSubsequence(
            "step 0: validation reward",
            "step 1/4  reward ",
            "step 2/4  reward ",
            "step 2: validation reward",
            "step 3/4  reward ",
            "step 4/4  reward ",
            "step 4: validation reward",
            "done after 4 steps",
            "validation  first ",
            "(step 0), best ",
            ", last ",
            "(step 4)",
            whole.toString())
        .containsPattern("step 1/4 .* ratio [01]\\.\\d{6}  clipped \\d+%  .* images/s  .* left")
        .doesNotContain("--resume", "differ");
  }

  @Test
  void train_toTheEnd_keepsTheNewestCheckpointsAndTheBest() {
    assertThat(whole.resolve("checkpoints").toFile().list())
        .containsExactlyInAnyOrder("step-000003", "step-000004");
    assertThat(Checkpoints.load(whole.resolve("checkpoints/step-000004")).step()).isEqualTo(4);
    assertThat(Checkpoints.resolve(whole)).isEqualTo(whole.resolve("best"));
    assertThat(finished.out())
        .contains("best %.4f".formatted(best(whole.resolve("checkpoints/step-000004"))));
  }

  private static double best(Path checkpoint) {
    return Checkpoints.load(checkpoint).best().orElseThrow().reward();
  }

  @Test
  void train_everything_movesTheWeights() throws IOException {
    assertThat(Files.mismatch(policy(3), policy(4))).isNotNegative();
  }

  private static Path policy(int step) {
    return TinyTraining.checkpoint(whole, step).resolve("policy.safetensors");
  }

  @Test
  void train_folderOfARun_isRefusedAndUntouched() throws IOException {
    SortedMap<Path, FileTime> before = TinyTraining.state(whole);

    Run run = train(whole);

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err()).contains("trainer.dir: " + whole, "step-000004", "--resume");
    assertThat(TinyTraining.state(whole)).isEqualTo(before);
  }

  @Test
  void resume_finishedRun_endsAtOnce() throws IOException {
    Path dir = TinyTraining.copy(whole, own.resolve("run"));

    Run run = train(dir, "--resume");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .containsSubsequence(
            "goes on after step 4", "done after 4 steps", "first none, best ", ", last none")
        .doesNotContain("4/4");
    TinyTraining.assertSame(dir, whole, 4);
  }

  @Test
  void resume_moreSteps_goesOnToTheSameBits() {
    Path dir = own.resolve("run");
    assertThat(train(dir, "trainer.steps=2").exitCode()).isZero();

    Run run = train(dir, "--resume", "trainer.steps=4");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("goes on after step 2", "step 3/4", "done after 4 steps")
        .doesNotContain("step 2/4", "step 0:");
    TinyTraining.assertSame(dir, whole, 4);
  }

  @Test
  void resume_moreStepsWithADecayingRate_isRefused() {
    Path dir = own.resolve("run");
    assertThat(train(dir, "trainer.steps=1", "update.optimizer.decay=linear").exitCode()).isZero();

    Run run = train(dir, "--resume", "update.optimizer.decay=linear");

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err())
        .startsWith("1 setting differs")
        .contains("trainer.steps: 4 (expected: 1)");
  }

  @Test
  void resume_nothingThere_begins() {
    Run run = train(own.resolve("run"), "--resume", "trainer.steps=1");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("step 0: validation", "done after 1 steps");
    assertThat(TinyTraining.checkpoint(own.resolve("run"), 1)).isDirectory();
  }

  @Test
  void resume_namedCheckpoint_goesOnFromIt() {
    Path dir = own.resolve("other");
    Path checkpoint = TinyTraining.checkpoint(whole, 3);

    Run run = train(dir, "--resume", checkpoint.toString());

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("goes on after step 3");
    TinyTraining.assertSame(dir, whole, 4);
  }

  @Test
  void resume_namedRun_goesOnFromItsNewestCheckpoint() {
    Run run = train(own.resolve("other"), "--resume=" + whole, "--dry-run");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("begins      " + TinyTraining.checkpoint(whole, 4));
    assertThat(own.resolve("other")).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "rollout.workers=1", // as all runs are, with a mean of the weights
        "update.ema.decay=0",
        "update.lora.rank=2",
        "reward.functions.ocr.weight=1",
        "update.loss.beta=0.1"
      })
  void resume_stoppedInTheMiddle_endsWithTheSameBits(String setting) throws IOException {
    String ocr = setting.contains("ocr") ? "rollout.n=2" : "reward.functions.ocr=null";
    Path expected = own.resolve("expected");
    assertThat(train(expected, ocr, setting).exitCode()).isZero();
    Path dir = own.resolve("run");
    StopSignal stop = new StopSignal();
    CompletableFuture<Void> requested = new CompletableFuture<>();

    Run stopped =
        Run.of(
            stop,
            line -> {
              if (line.startsWith("step 2/4")) {
                Thread.ofVirtual()
                    .start(
                        () -> {
                          stop.request();
                          requested.complete(null);
                        });
              } else if (line.startsWith("step 3/4")) {
                requested.join(); // before the last step, however busy the machine is
              }
            },
            TinyTraining.args(temp, dir, ocr, setting, "trainer.saveEvery=3"));

    assertThat(stopped.exitCode()).as(stopped.err()).isZero();
    assertThat(stopped.out())
        .containsPattern("stopped after [123] steps")
        .contains("the same command with --resume goes on");
    assertThat(dir.resolve("checkpoints").toFile().list()).hasSize(1);

    Run run = train(dir, "--resume", ocr, setting, "trainer.saveEvery=3");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("goes on after step", "done after 4 steps");
    TinyTraining.assertSame(dir, expected, 4);
  }

  @Test
  void stop_betweenSteps_savesTheLastWholeOne() {
    Path dir = own.resolve("run");
    StopSignal stop = new StopSignal();

    Run run =
        Run.of(
            stop,
            line -> {
              if (line.startsWith("step 3/4")) {
                stop.request();
              }
            },
            TinyTraining.args(temp, dir, "trainer.saveEvery=4", "trainer.validateEvery=9"));

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("stopped after 3 steps").doesNotContain("step 4/4");
    TinyTraining.assertSame(dir, whole, 3);
  }

  @Test
  void stop_beforeTheFirstStep_endsWithoutACheckpoint() {
    StopSignal stop = new StopSignal();
    stop.request();

    Run run = Run.of(stop, TinyTraining.args(temp, own.resolve("run")));

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("stopped after 0 steps", "first none, best none, last none");
    assertThat(own.resolve("run/checkpoints")).isEmptyDirectory();
  }

  @Test
  void resume_newestTorn_goesOnFromTheOneBefore() throws IOException {
    Path dir = TinyTraining.copy(whole, own.resolve("run"));
    TinyTraining.tear(TinyTraining.checkpoint(dir, 4));

    Run run = train(dir, "--resume");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err()).contains("step-000004 is torn: learner.safetensors", "older one");
    assertThat(run.out()).contains("goes on after step 3");
    TinyTraining.assertSame(dir, whole, 4);
  }

  @ParameterizedTest
  @ValueSource(strings = {"--resume", "--dry-run"})
  void train_allTorn_isBadInputAndUntouched(String option) throws IOException {
    Path dir = TinyTraining.copy(whole, own.resolve("run"));
    TinyTraining.tear(TinyTraining.checkpoint(dir, 3));
    TinyTraining.tear(TinyTraining.checkpoint(dir, 4));
    SortedMap<Path, FileTime> before = TinyTraining.state(dir);

    Run run = train(dir, option);

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err())
        .startsWith("trainer.dir: ")
        .contains("step-000003 is torn", "step-000004 is torn", "another trainer.dir");
    assertThat(TinyTraining.state(dir)).isEqualTo(before);
  }

  @Test
  void resume_tornCheckpointByName_isBadInput() throws IOException {
    Path dir = TinyTraining.copy(whole, own.resolve("run"));
    Path torn = TinyTraining.checkpoint(dir, 4);
    TinyTraining.tear(torn);

    Run run = train(own.resolve("other"), "--resume", torn.toString());

    assertBadInput(run, own.resolve("other"), torn + " is torn", "take another checkpoint");
    assertThat(run.err().lines()).hasSize(1);
  }

  @Test
  void resume_noCheckpoint_isBadInput() throws IOException {
    Path empty = Files.createDirectory(own.resolve("empty"));

    Run run = train(own.resolve("other"), "--resume", empty.toString());

    assertBadInput(run, own.resolve("other"), empty + ": no checkpoint (expected: ");
    assertThat(run.err().lines()).hasSize(1);
  }

  @Test
  void resume_otherModel_isBadInputAndUntouched() throws IOException {
    SortedMap<Path, FileTime> before = TinyTraining.state(whole);

    Run run = train(whole, "--resume", Run.tinyModel(temp, 2));

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err()).contains("step-000004: a checkpoint of another model", "model.weights");
    assertThat(TinyTraining.state(whole)).isEqualTo(before);
  }

  @Test
  void resume_otherSettings_namesEachOfThem() throws IOException {
    SortedMap<Path, FileTime> before = TinyTraining.state(whole);

    Run run = train(whole, "--resume", "rollout.seed=7", "update.lora.rank=2");

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err())
        .startsWith("2 settings differ")
        .contains("rollout.seed: 7 (expected: 42)", "update.lora.rank: 2 (expected: 0)")
        .contains("another trainer.dir");
    assertThat(TinyTraining.state(whole)).isEqualTo(before);
  }

  @Test
  void resume_settingsOfPlaceAndSpeed_mayDiffer() {
    Run run =
        train(
            own.resolve("other"),
            "--resume=" + TinyTraining.checkpoint(whole, 3),
            "rollout.workers=1",
            "rollout.engines=2",
            "reward.concurrency=1",
            "model.threads=1");

    assertThat(run.exitCode()).as(run.err()).isZero();
    TinyTraining.assertSame(own.resolve("other"), whole, 4);
  }

  private static void assertBadInput(Run run, Path dir, String... messages) {
    assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).contains(messages).doesNotContain("\tat ", "failed");
    assertThat(dir).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"data.prompts", "data.validationPrompts"})
  void train_promptWithoutQuotes_tellsItsPlace(String key) throws IOException {
    Path prompts = Files.writeString(own.resolve("prompts.txt"), "a \"12\"\na cat\na \"34\"\n");

    Run run =
        train(
            own.resolve("run"), key + "=" + prompts, "reward.functions.ocr={weight=1}", "--resume");

    assertBadInput(run, own.resolve("run"), "1 problem in " + prompts, prompts + ":2  ");
    assertThat(run.err().lines()).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"data.prompts", "data.validationPrompts"})
  void train_emptyPromptFile_isBadInput(String key) throws IOException {
    Path prompts = Files.writeString(own.resolve("prompts.txt"), "# nothing\n\n");

    Run run = train(own.resolve("run"), key + "=" + prompts);

    assertBadInput(run, own.resolve("run"), "1 problem", key, prompts.toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "update.miniBatch=3 | update.miniBatch: 3 | a divisor of 4",
        "rollout.n=1 | rollout.n: 1 | 2 or more to train",
        "sampler.sdeType=ode | sampler.sdeType: ode | sde, cps or danceSde",
        "trainer.trackers=[metrix] | trainer.trackers: metrix | expected: ",
        "trainer.step=3 | trainer.step | did you mean trainer.steps?",
        "model.weights=none.safetensors | model.weights: \"none.safetensors\" | a readable file"
      })
  void train_badSetting_isOneClearError(String example) {
    String[] parts = example.split(" \\| ", -1);

    Run run = train(own.resolve("run"), parts[0]);

    assertBadInput(run, own.resolve("run"), parts[1], parts[2]);
  }

  @Test
  void train_unknownPreset_suggestsTheNearest() {
    Run run = Run.of("train", "--preset=glyph-smok", "trainer.dir=" + own.resolve("run"));

    assertBadInput(run, own.resolve("run"), "preset: glyph-smok ", "glyph-smoke");
  }

  @ParameterizedTest
  @ValueSource(strings = {"file", "file/run"})
  void train_fileInTheWay_isBadInput(String dir) throws IOException {
    Path file = Files.writeString(own.resolve("file"), "not a folder");

    Run run = train(own.resolve(dir));

    assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err())
        .startsWith("1 problem on the command line")
        .contains("trainer.dir: \"" + own.resolve(dir), file + " is a file");
    assertThat(file).hasContent("not a folder");
  }

  @Test
  void train_fileInPlaceOfCheckpoints_failsWithOneSentence() throws IOException {
    Path file = Files.writeString(own.resolve("checkpoints"), "not a folder");

    Run run = train(own);

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).startsWith("train failed: " + file + " cannot be written");
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.out()).isEmpty();
  }

  @Test
  void train_linkThatLoops_isBadInput() throws IOException {
    Path loop = Files.createSymbolicLink(own.resolve("loop"), own.resolve("loop"));

    Run run = train(loop);

    assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err()).contains("trainer.dir: " + loop);
  }

  @Test
  void train_brokenWeights_failsWithOneSentence() throws IOException {
    Path weights = Files.writeString(own.resolve("broken.safetensors"), "no weights");

    Run run = train(own.resolve("run"), "model.weights=" + weights);

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).startsWith("train failed: ").contains("broken.safetensors");
    assertThat(run.err().lines()).hasSize(1);
  }

  @Test
  void dryRun_anything_printsThePlanAndCreatesNothing() {
    Run run = train(own.resolve("run"), "--dry-run");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("4 of 2 prompts x 2 images", "begins      anew");
    assertThat(own.resolve("run")).doesNotExist();
  }

  @Test
  void rollout_checkpoint_drawsWithTheTrainedPolicy() throws IOException {
    Path checkpoint = TinyTraining.checkpoint(whole, 4);

    Run trained = rollout("trained", "--checkpoint", checkpoint.toString());
    Run base = rollout("base");

    assertThat(trained.exitCode()).as(trained.err()).isZero();
    assertThat(base.exitCode()).as(base.err()).isZero();
    assertThat(versions("trained")).hasSize(4).containsOnly(4L);
    assertThat(versions("base")).hasSize(4).containsOnly(0L);
    assertThat(Files.mismatch(sheet("trained"), sheet("base"))).isNotNegative();
  }

  @Test
  void rollout_checkpointOfARun_drawsWithItsBestPolicy() throws IOException {
    Run run = rollout("best", "--checkpoint=" + whole);

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(versions("best"))
        .hasSize(4)
        .containsOnly(Checkpoints.weights(whole.resolve("best")).version());
  }

  private Run rollout(String folder, String... more) {
    List<String> settings = new ArrayList<>(List.of(more));
    settings.add("output.dir=" + own.resolve(folder));
    String[] args = TinyTraining.args(temp, own, settings.toArray(String[]::new));
    args[0] = "rollout";
    return Run.of(args);
  }

  private List<Long> versions(String folder) throws IOException {
    return Files.readAllLines(own.resolve(folder).resolve("samples.jsonl")).stream()
        .map(line -> JsonParser.parseString(line).getAsJsonObject())
        .map(json -> json.get("policy_version").getAsLong())
        .toList();
  }

  private Path sheet(String folder) {
    return own.resolve(folder).resolve("contact_sheet.png");
  }

  @Test
  void rollout_folderWithoutCheckpoint_isBadInputBeforeTheModelLoads() throws IOException {
    Path weights = Files.writeString(own.resolve("broken.safetensors"), "no weights");

    Run run = rollout("none", "--checkpoint", own.toString(), "model.weights=" + weights);

    assertBadInput(run, own.resolve("none"), own + ": no checkpoint (expected: ");
    assertThat(run.err().lines()).hasSize(1);
  }
}
