package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelBenchTest {

  @TempDir static Path temp;

  private static Run whole = new Run(-1, "", "");

  private static Run bench(String name, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "bench",
                "--model=qwen-image-random",
                "--geometry=tiny",
                "--text-tokens=5",
                "--output=" + temp.resolve(name + ".json"),
                "model.device=cpu",
                "model.threads=1",
                "model.imageHeight=32",
                "model.imageWidth=64"));
    args.addAll(List.of(more));
    return Run.of(args.toArray(String[]::new));
  }

  private static JsonObject json(String name) throws IOException {
    return JsonParser.parseString(Files.readString(temp.resolve(name + ".json"))).getAsJsonObject();
  }

  private static List<JsonObject> parts(JsonObject json) {
    return json.getAsJsonArray("parts").asList().stream()
        .map(JsonElement::getAsJsonObject)
        .toList();
  }

  private static String title(JsonObject part) {
    return "%s %d %s"
        .formatted(
            part.get("part").getAsString(),
            part.get("rows").getAsInt(),
            part.get("guidance").getAsDouble());
  }

  @BeforeAll
  static void bench() {
    whole = bench("whole", "--rows=1,12", "--iters=2", "--dtype=float32");
  }

  @Test
  void bench_allParts_printsATableOfEach() {
    assertThat(whole.exitCode()).as(whole.err()).isZero();
    assertThat(whole.err()).isEmpty();
    assertThat(whole.out().lines().toList())
        .contains(
            "one forward",
            "denoising loop of 10 steps, with its pictures",
            "training step of adapters of rank 64, window of 2, with checkpoints",
            "one at a time");
    assertThat(whole.out())
        .containsPattern("forward, 12 rows: [0-9.]+ \\([0-9.]+-[0-9.]+\\) ms")
        .containsPattern("training, 12 rows, guidance 4.0: [0-9.]+ ")
        .contains("images/s", "|ratio - 1|", "tiny: 2 blocks, 2 heads of 16, text of 24")
        .contains("tensors in float32, images of 32×64 pixels", "between them operators")
        .doesNotContain("does not fit", "device memory", "NaN");
  }

  @Test
  void bench_allParts_writesEveryNumber() throws IOException {
    JsonObject json = json("whole");

    assertThat(json.get("schema_version").getAsInt()).isEqualTo(1);
    assertThat(json.get("stopped").getAsBoolean()).isFalse();
    assertThat(json.getAsJsonObject("environment").get("device").getAsString()).isEqualTo("cpu");
    assertThat(json.getAsJsonObject("load_seconds").keySet()).containsExactly("engine", "learner");
    assertThat(json.getAsJsonObject("settings").getAsJsonObject("model").get("offload"))
        .hasToString("false");
    JsonObject model = json.getAsJsonObject("model");
    assertThat(model.get("parameters").getAsLong()).isPositive();
    assertThat(model.get("tensors").getAsInt()).isPositive();
    assertThat(model.getAsJsonObject("kernels").keySet())
        .containsExactly("linear", "attention", "blocks");
    assertThat(parts(json))
        .extracting(ModelBenchTest::title)
        .containsExactly(
            "modulation 1 1.0",
            "forward 1 1.0",
            "forward 12 1.0",
            "decode 1 1.0",
            "encode 1 1.0",
            "loop 1 1.0",
            "loop 12 1.0",
            "loop 1 4.0",
            "loop 12 4.0",
            "training 1 4.0",
            "training 12 4.0");
    assertThat(parts(json)).allSatisfy(ModelBenchTest::assertWhole);
  }

  private static void assertWhole(JsonObject part) {
    assertThat(part.get("misfit").isJsonNull()).isTrue();
    assertThat(part.get("device_memory_bytes").isJsonNull()).isTrue();
    List<String> figures =
        switch (part.get("part").getAsString()) {
          case "loop" -> List.of("ms", "denoise_ms", "decode_ms");
          case "training" -> List.of("ms", "forward_ms", "backward_ms");
          default -> List.of("ms");
        };
    for (String figure : figures) {
      JsonObject values = part.getAsJsonObject(figure);
      assertThat(values.getAsJsonArray("values")).as(figure).hasSize(2);
      assertThat(values.get("min").getAsDouble()).as(figure).isPositive();
      assertThat(values.get("median").getAsDouble())
          .isBetween(values.get("min").getAsDouble(), values.get("max").getAsDouble());
    }
  }

  @Test
  void bench_trainingStep_isOfFreshData() throws IOException {
    assertThat(parts(json("whole")))
        .filteredOn(part -> part.get("part").getAsString().equals("training"))
        .hasSize(2)
        .allSatisfy(
            part ->
                assertThat(part.getAsJsonObject("fresh_ratio_error").get("max").getAsDouble())
                    .isZero());
  }

  @Test
  void bench_someParts_measuresNoOthers() throws IOException {
    Run run = bench("some", "--parts=decode,training", "--rows=2", "--iters=1", "--warmup=0");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("in bfloat16").doesNotContain("one forward", "denoising loop");
    assertThat(parts(json("some")))
        .extracting(ModelBenchTest::title)
        .containsExactly("decode 1 1.0", "training 2 4.0");
  }

  @Test
  void bench_stopped_reportsWhatIsComplete() throws IOException {
    StopSignal stop = new StopSignal();

    Run run =
        Run.of(
            stop,
            line -> {
              if (line.startsWith("forward")) {
                stop.request();
              }
            },
            "bench",
            "--model=qwen-image-random",
            "--geometry=tiny",
            "--rows=1,2",
            "--output=" + temp.resolve("stopped.json"),
            "model.device=cpu",
            "model.imageHeight=32",
            "model.imageWidth=32");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("stopped before the end");
    JsonObject json = json("stopped");
    assertThat(json.get("stopped").getAsBoolean()).isTrue();
    assertThat(parts(json)).extracting(ModelBenchTest::title).endsWith("forward 1 1.0");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--model=qwen         | --model: qwen (expected: qwen-image-random, or none",
        "--geometry=smal      | --geometry: smal (expected: one of published, tiny)",
        "--text-tokens=0      | --text-tokens: 0 (expected: 1 or more)",
        "--parts=forwrd       | --parts: forwrd (expected: one of modulation, forward, operators, loop",
        "--rows=1,x           | --rows: 1,x (expected: different whole numbers",
        "--mode=batched       | --mode: no option with --model, whose parts",
        "--path=engine        | --path: no option with --model",
        "--rewards=off        | --rewards: no option with --model",
        "--prompts=2          | --prompts: no option with --model",
        "--plot=a.png         | --plot: no option with --model",
        "--peer-file=a        | --peer-file: no option with --model",
        "--output=no/b        | --output: no/b (expected: a file in a folder that exists)",
        "rollout.n=4          | rollout.n=4: no setting of a benchmark (expected: --rows)",
        "update.lora.rank=0   | update.lora.rank: 0 (expected: 1 or more",
        "model.imageWidth=two | model.imageWidth: two"
      })
  void bench_impossibleOption_isRefused(String option, String message) {
    List<String> args = new ArrayList<>(List.of("bench", option, "model.device=cpu"));
    if (!option.startsWith("--model")) {
      args.add("--model=qwen-image-random");
    }
    if (!option.startsWith("--geometry")) {
      args.add("--geometry=tiny");
    }

    Run run = Run.of(args.toArray(String[]::new));

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err()).contains(message);
    assertThat(run.out()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"--geometry=tiny", "--text-tokens=5", "--parts=forward"})
  void bench_optionOfAModelWithoutOne_isRefused(String option) {
    Run run = Run.of("bench", option);

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err()).contains(option.split("=", 2)[0] + ": no option without --model");
  }

  @Test
  void dryRun_publishedModel_printsThePlanAndWritesNothing() {
    Run run =
        Run.of(
            "bench",
            "--model=qwen-image-random",
            "--dry-run",
            "--output=" + temp.resolve("dry.json"));

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .contains("published: 60 blocks, 24 heads of 128, text of 3584, 20.43 billion parameters")
        .contains("in bfloat16, images of 512×512 pixels", "1, 2, 4, 8, 16, guidance 1.0, 4.0");
    assertThat(temp.resolve("dry.json")).doesNotExist();
  }

  @Test
  void printConfig_model_beginsWithItsPreset() {
    Run run = bench("print", "--print-config");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out())
        .containsPattern("model.name += qwen-image-random")
        .containsPattern("sampler.guidanceScale += 4.0 +# preset qwen-image-ocr");
  }
}
