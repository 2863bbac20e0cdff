package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BenchCommandTest {

  private static final int PROMPTS = 2;
  private static final int STEPS = 3;

  @TempDir static Path temp;

  private static Run whole = new Run(-1, "", "");

  /** The tiny model, a reward that costs nearly nothing, two prompts; {@code more} wins. */
  private static String[] args(String name, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "bench",
                Run.tinyModel(temp),
                "reward.functions.ocr=null",
                "reward.functions.jpegIncompressibility.weight=1",
                "--prompts=" + PROMPTS,
                "--steps=" + STEPS,
                "--output=" + temp.resolve(name + ".json"),
                "--plot=" + temp.resolve(name + ".png")));
    Set<String> given = Arrays.stream(more).map(BenchCommandTest::name).collect(Collectors.toSet());
    args.removeIf(word -> given.contains(name(word)));
    args.addAll(List.of(more));
    return args.toArray(String[]::new);
  }

  private static String name(String word) {
    return word.split("=", 2)[0];
  }

  private static JsonObject json(String name) throws IOException {
    return JsonParser.parseString(Files.readString(temp.resolve(name + ".json"))).getAsJsonObject();
  }

  private static List<JsonObject> objects(JsonArray array) {
    return array.asList().stream().map(JsonElement::getAsJsonObject).toList();
  }

  private static List<JsonObject> cells(JsonObject json) {
    return objects(json.getAsJsonArray("cells"));
  }

  @BeforeAll
  static void bench() {
    whole = Run.of(args("whole", "--rows=1,4", "--iters=2", "rollout.maxRowsPerForward=3"));
  }

  @Test
  void bench_allWaysAndModes_printsATableOfEach() {
    assertThat(whole.exitCode()).as(whole.err()).isZero();
    assertThat(whole.err()).isEmpty();
    assertThat(whole.out().lines().toList())
        .contains(
            "engine; a / b: concurrent / batched",
            "actors; a / b: concurrent / batched",
            "actors and rewards; a / b: concurrent / batched",
            "to the engine alone");
    assertThat(whole.out())
        .contains("libtorch ", "batched/concurrent", "24 of 1 rows", "6 of 1 rows + 6 of 3 rows")
        .contains("12 iterations of all cells in", "24 iterations of all cells in", "whole.png");
  }

  @Test
  void bench_allWaysAndModes_writesEveryMeasurement() throws IOException {
    JsonObject json = json("whole");

    assertThat(json.get("schema_version").getAsInt()).isEqualTo(1);
    assertThat(json.get("stopped").getAsBoolean()).isFalse();
    assertThat(json.getAsJsonObject("environment").get("device").getAsString()).isEqualTo("cpu");
    assertThat(json.getAsJsonObject("environment").has("variables")).isTrue();
    assertThat(json.getAsJsonObject("setup_seconds").get("engines").getAsDouble()).isPositive();
    assertThat(json.getAsJsonObject("settings").getAsJsonObject("sampler").get("numInferenceSteps"))
        .hasToString("3");
    assertThat(cells(json))
        .extracting(
            cell ->
                "%s %s %s %s"
                    .formatted(
                        cell.get("rows").getAsInt(),
                        cell.get("path").getAsString(),
                        cell.get("rewards").getAsString(),
                        cell.get("mode").getAsString()))
        .containsExactly(
            "1 engine off concurrent",
            "1 engine off batched",
            "1 actors off concurrent",
            "1 actors off batched",
            "1 actors on concurrent",
            "1 actors on batched",
            "4 engine off concurrent",
            "4 engine off batched",
            "4 actors off concurrent",
            "4 actors off batched",
            "4 actors on concurrent",
            "4 actors on batched");
    assertThat(cells(json)).allSatisfy(BenchCommandTest::assertWhole);
  }

  private static void assertWhole(JsonObject cell) {
    int images = PROMPTS * cell.get("rows").getAsInt();
    assertThat(cell.getAsJsonArray("warmup")).hasSize(1);
    assertThat(cell.getAsJsonArray("iterations")).hasSize(2);
    assertThat(objects(cell.getAsJsonArray("iterations")))
        .allSatisfy(
            iteration -> {
              assertThat(iteration.get("images").getAsInt()).isEqualTo(images);
              assertThat(iteration.get("wall_seconds").getAsDouble()).isPositive();
              assertThat(iteration.get("denoise_seconds").getAsDouble()).isPositive();
              assertThat(iteration.get("queue_seconds_mean").getAsDouble())
                  .isPositive()
                  .isLessThan(iteration.get("wall_seconds").getAsDouble());
              assertThat(iteration.get("max_latent_difference").getAsDouble()).isLessThan(1e-4);
            });
    JsonObject speed = cell.getAsJsonObject("images_per_second");
    assertThat(speed.get("median").getAsDouble())
        .isBetween(speed.get("min").getAsDouble(), speed.get("max").getAsDouble());
  }

  @Test
  void bench_bothModes_countsTheForwardsThatWereRun() throws IOException {
    for (JsonObject cell : cells(json("whole"))) {
      JsonObject forwards =
          cell.getAsJsonArray("iterations").get(0).getAsJsonObject().getAsJsonObject("forwards");
      String expected =
          switch (cell.get("rows").getAsInt() + " " + cell.get("mode").getAsString()) {
            case "4 batched" -> "{\"1\":6,\"3\":6}";
            case "4 concurrent" -> "{\"1\":24}";
            default -> "{\"1\":6}";
          };
      assertThat(forwards).as("%s", cell).hasToString(expected);
    }
  }

  @Test
  void bench_allWaysAndModes_writesPairwiseRatios() throws IOException {
    JsonObject json = json("whole");
    List<JsonObject> cells = cells(json);

    JsonObject ratio = objects(json.getAsJsonArray("ratios")).getFirst();

    assertThat(json.getAsJsonArray("ratios")).hasSize(2 * (3 + 4));
    assertThat(ratio.getAsJsonArray("values")).hasSize(2);
    assertThat(ratio.getAsJsonArray("values").get(1).getAsDouble())
        .isEqualTo(speed(cells.get(1), 1) / speed(cells.get(0), 1));
  }

  private static double speed(JsonObject cell, int iteration) {
    JsonObject measured = cell.getAsJsonArray("iterations").get(iteration).getAsJsonObject();
    return measured.get("images").getAsInt() / measured.get("wall_seconds").getAsDouble();
  }

  @Test
  void bench_allWaysAndModes_drawsAPicture() throws IOException {
    assertThat(ImageIO.read(temp.resolve("whole.png").toFile()).getWidth()).isGreaterThan(500);
  }

  @Test
  void bench_withoutIterations_saysThatNothingWasMeasured() throws IOException {
    Run run = Run.of(args("none", "--rows=2", "--path=engine", "--iters=0"));

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("nothing measured").doesNotContain("NaN", "Infinity");
    assertThat(cells(json("none")))
        .hasSize(2)
        .allSatisfy(
            cell -> {
              assertThat(cell.getAsJsonArray("warmup")).hasSize(1);
              assertThat(cell.get("images_per_second").isJsonNull()).isTrue();
            });
    assertThat(temp.resolve("none.png")).doesNotExist();
  }

  @Test
  void bench_withoutIterationsAndWarmUp_saysThatNothingWasMeasured() throws IOException {
    Run run = Run.of(args("empty", "--rows=2", "--path=engine", "--iters=0", "--warmup=0"));

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("nothing measured", "none drawn")
        .doesNotContain("NaN", "Infinity");
    assertThat(cells(json("empty"))).isEmpty();
  }

  @Test
  void bench_stoppedHalfway_reportsWhatIsComplete() throws IOException {
    StopSignal stop = new StopSignal();

    Run run =
        Run.of(
            stop,
            line -> {
              if (line.contains("iteration")) {
                stop.request();
              }
            },
            args("stopped", "--rows=2", "--rewards=off", "--iters=20"));

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("stopped before the end");
    JsonObject json = json("stopped");
    assertThat(json.get("stopped").getAsBoolean()).isTrue();
    assertThat(cells(json))
        .hasSize(4)
        .allSatisfy(cell -> assertThat(cell.getAsJsonArray("iterations").size()).isBetween(1, 19));
  }

  @Test
  void bench_oneMode_hasNoRatio() {
    Run run = Run.of(args("one", "--rows=2", "--path=engine", "--mode=batched", "--iters=1"));

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("batched images/s")
        .doesNotContain("concurrent", "to the engine");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--rows=0          | --rows: 0 (expected: different whole numbers",
        "--rows=1,two      | --rows: 1,two (expected: different whole numbers",
        "--rows=2,2        | --rows: 2,2 (expected: different whole numbers",
        "--mode=batchd     | --mode: batchd (expected: one of batched, both, concurrent); did you",
        "--path=actor      | --path: actor (expected: one of actors, both, engine); did you",
        "--rewards=maybe   | --rewards: maybe (expected: one of both, off, on)",
        "--iters=-1        | --iters: -1 (expected: 0 or more)",
        "--warmup=-1       | --warmup: -1 (expected: 0 or more)",
        "--iters=many      | Invalid value for option '--iters'",
        "--prompts=0       | data.promptsPerStep: 0",
        "--prompts=4000    | --prompts: 4000 (expected: at most",
        "--steps=0         | sampler.numInferenceSteps: 0",
        "--device=tpu      | model.device: tpu",
        "--plot=no/b.png   | --plot: no/b.png (expected: a file in a folder that exists)",
        "--output=no/b     | --output: no/b (expected: a file in a folder that exists)",
        "rollout.n=4       | rollout.n=4: no setting of a benchmark (expected: --rows)",
        "rollout.enableBatchedDiffusion=false | of a benchmark (expected: --mode)",
        "data.promptsPerStep=1 | of a benchmark (expected: --prompts alone)"
      })
  void bench_impossibleOption_isRefusedBeforeTheModelLoads(String option, String message) {
    String[] args = args("refused", option, "model.weights=" + temp.resolve("whole.json"));

    Run run = Run.of(args);

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains(message);
    assertThat(run.out()).isEmpty();
    assertThat(temp.resolve("refused.json")).doesNotExist();
  }

  @Test
  void bench_rewardsOfTheEngine_areRefused() {
    Run run = Run.of(args("refused", "--path=engine", "--rewards=on"));

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("--rewards: on (expected: none with --path engine");
  }

  @Test
  void bench_oneFileForBoth_isRefused() {
    Run run = Run.of(args("refused", "--plot=" + temp.resolve("refused.json")));

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("expected: another file than that of --output");
  }

  @Test
  void dryRun_anything_printsThePlanAndWritesNothing() {
    Run run = Run.of(args("dry", "--dry-run", "--rows=1,8", "--iters=2"));

    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .contains("1, 8, each of 2 prompts", "12: engine, actors, actors and rewards")
        .contains("324 in all");
    assertThat(temp.resolve("dry.json")).doesNotExist();
  }
}
