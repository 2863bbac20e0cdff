package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RolloutCommandTest {

  @TempDir static Path temp;

  private static Run batched = new Run(-1, "", "");

  /** Two prompts, four rows each, three denoising steps; into a folder of {@code temp}. */
  private static Run rollout(String folder, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "rollout",
                Run.tinyModel(temp),
                "data.promptsPerStep=2",
                "rollout.n=4",
                "sampler.numInferenceSteps=3",
                "output.dir=" + temp.resolve(folder)));
    args.addAll(List.of(more));
    return Run.of(args.toArray(String[]::new));
  }

  @BeforeAll
  static void roll() {
    batched = rollout("batched");
  }

  private static List<JsonObject> samples(String folder) throws IOException {
    return Files.readAllLines(temp.resolve(folder).resolve("samples.jsonl")).stream()
        .map(line -> JsonParser.parseString(line).getAsJsonObject())
        .toList();
  }

  @Test
  void rollout_smallRun_tellsProgressAndSummary() {
    assertThat(batched.exitCode()).as(batched.err()).isZero();
    assertThat(batched.err()).isEmpty();
    assertThat(batched.out()).contains("8/8 images", "images/s", "mean reward");
    assertThat(batched.out()).contains("batched 8/8 rows in 2 requests");
    assertThat(batched.out()).contains("contact_sheet.png", "samples.jsonl", "summary.json");
  }

  @Test
  void rollout_smallRun_writesEverySampleInRowOrder() throws IOException {
    List<JsonObject> samples = samples("batched");

    assertThat(samples)
        .extracting(json -> json.get("row").getAsInt())
        .containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
    assertThat(samples)
        .extracting(json -> json.get("group").getAsInt())
        .containsExactly(0, 0, 0, 0, 1, 1, 1, 1);
    assertThat(samples).extracting(json -> json.get("seed").getAsString()).doesNotHaveDuplicates();
    assertThat(samples)
        .allSatisfy(
            json -> {
              assertThat(json.get("reward").getAsDouble()).isBetween(0.0, 1.0);
              assertThat(json.getAsJsonObject("reward_parts").keySet()).containsExactly("ocr");
              assertThat(json.get("rows_per_forward").getAsInt()).isEqualTo(4);
              assertThat(json.get("log_prob_mean").getAsDouble()).isNotZero();
              assertThat(json.get("policy_version").getAsLong()).isZero();
              assertThat(json.getAsJsonObject("timings_ms").get("denoise").getAsDouble())
                  .isPositive();
            });
  }

  @Test
  void rollout_smallRun_writesASummary() throws IOException {
    String text = Files.readString(temp.resolve("batched/summary.json"));
    JsonObject summary = JsonParser.parseString(text).getAsJsonObject();

    assertThat(summary.get("schema_version").getAsInt()).isEqualTo(1);
    assertThat(summary.get("rows").getAsInt()).isEqualTo(8);
    assertThat(summary.get("rows_batched").getAsInt()).isEqualTo(8);
    assertThat(summary.get("requests").getAsInt()).isEqualTo(2);
    assertThat(summary.getAsJsonObject("batch_sizes").get("4").getAsInt()).isEqualTo(6);
    assertThat(summary.get("images_per_second").getAsDouble()).isPositive();
    assertThat(summary.get("model_load_seconds").getAsDouble()).isPositive();
    assertThat(summary.getAsJsonObject("environment").get("device").getAsString()).isEqualTo("cpu");
  }

  @Test
  void rollout_smallRun_drawsAContactSheet() throws IOException {
    BufferedImage sheet = ImageIO.read(temp.resolve("batched/contact_sheet.png").toFile());

    assertThat(sheet.getWidth()).isGreaterThan(4 * 2 * 96);
    assertThat(sheet.getHeight()).isGreaterThan(2 * 2 * 32);
  }

  @Test
  void rollout_withoutBatching_drawsTheSameRowsInSingleRequests() throws IOException {
    Run run = rollout("single", "rollout.enableBatchedDiffusion=false");

    assertThat(run.out())
        .contains("batched 0/8 rows in 8 requests", "enableBatchedDiffusion is off");
    List<JsonObject> samples = samples("single");
    List<JsonObject> same = samples("batched");
    for (int row = 0; row < samples.size(); row++) {
      JsonObject sample = samples.get(row);
      assertThat(sample.get("rows_per_forward").getAsInt()).isEqualTo(1);
      assertThat(sample.get("prompt")).isEqualTo(same.get(row).get("prompt"));
      assertThat(sample.get("seed")).isEqualTo(same.get(row).get("seed"));
      assertThat(sample.get("log_prob_mean").getAsDouble())
          .isCloseTo(same.get(row).get("log_prob_mean").getAsDouble(), within(1e-5));
    }
  }

  @Test
  void rollout_badPrompts_tellsAllOfThemAndCreatesNothing() throws IOException {
    Path prompts =
        Files.writeString(
            temp.resolve("prompts.txt"),
            "# two good\na \"12\"\na cat\na \"34\"\na \"x\"\na \"\"\n");

    Run run = rollout("none", "data.prompts=" + prompts);

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err())
        .startsWith("3 problems in " + prompts)
        .contains("prompts.txt:3 ", "prompts.txt:5 ", "prompts.txt:6 ");
    assertThat(temp.resolve("none")).doesNotExist();
  }

  @Test
  void rollout_folderThatCannotBe_isBadInputBeforeTheModelLoads() throws IOException {
    Path folder = Files.createDirectory(temp.resolve("full"));
    Files.createSymbolicLink(folder.resolve("loop"), folder.resolve("loop"));

    Run run = rollout("full/loop");

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("output.dir: ").doesNotContain("failed");
  }

  @Test
  void rollout_brokenWeights_failsWithOneSentence() throws IOException {
    Path weights = Files.writeString(temp.resolve("broken.safetensors"), "no weights");

    Run run = rollout("broken", "model.weights=" + weights);

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).startsWith("rollout failed: ").contains("broken.safetensors");
    assertThat(run.err().lines()).hasSize(1);
  }

  @Test
  void dryRun_anything_printsThePlanAndCreatesNothing() {
    Run run = rollout("none", "--dry-run");

    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("batched 8/8 rows in 2 requests", "6 of 4 rows");
    assertThat(temp.resolve("none")).doesNotExist();
  }
}
