package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ChecksTest {

  @TempDir private Path dir;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          10 | null | null
          10 | 9    | null
          10 | 2    | [0, 5]
          10 | 9    | [0, 10]
          10 | null | [0, 10]
          10 | 1    | [8, 10]
          10 | null | [3, 4]
          1  | null | null
          """)
  void window_insideTheSteps_isLegal(int steps, String size, String range) {
    assertThat(Configs.load(window(steps, size, range)).sampler().numInferenceSteps())
        .isEqualTo(steps);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          10 | 10 | null    | sampler.sdeWindowSize: 10       | at most 9, as only the denoising steps [0, 9) may be stochastic
          10 | 6  | [0, 5]  | sampler.sdeWindowSize: 6        | at most 5, as only the denoising steps [0, 5) may be stochastic
          10 | 2  | [8, 10] | sampler.sdeWindowSize: 2        | at most 1, as only the denoising steps [8, 9) may be stochastic
          1  | 1  | null    | sampler.sdeWindowSize: 1        | at most 0, as only the denoising steps [0, 0) may be stochastic
          10 | 2  | [3, 12] | sampler.sdeWindowRange: [3, 12) | within [0, 10), as sampler.numInferenceSteps is 10
          10 | 2  | [9, 10] | sampler.sdeWindowRange: [9, 10) | to hold a step before the last of 10, which adds no noise
          10 | 2  | [4, 4]  | sampler.sdeWindowRange: [4, 4)  | to hold a step before the last of 10, which adds no noise
          """)
  void window_outsideTheSteps_isAProblem(
      int steps, String size, String range, String subject, String expected) {
    assertThat(Configs.failure(window(steps, size, range)).problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(tuple(subject, "expected: " + expected));
  }

  @ParameterizedTest
  @CsvSource({"random, 2", "progressive, 2", "whole, 5", "whole, null"})
  void windowStrategy_withRoomOrWithoutNeed_isLegal(String strategy, String size) {
    assertThat(Configs.load(strategy(strategy, size)).sampler().windowSize()).isBetween(2, 5);
  }

  @Test
  void windowStrategy_wholeWithASmallerWindow_isAProblem() {
    assertThat(Configs.failure(strategy("whole", "2")).problems())
        .containsExactly(
            new Problem(
                "sampler.sdeWindowStrategy",
                Optional.of("whole"),
                "command line",
                "expected: random or progressive, as a window of 2 leaves room in the denoising"
                    + " steps [0, 5)"));
  }

  @Test
  void window_isNotJudgedByStepsThatAreWrong() {
    assertThat(
            Configs.failure("sampler.numInferenceSteps=few", "sampler.sdeWindowRange=[3,12]")
                .problems())
        .extracting(Problem::key)
        .containsExactly("sampler.numInferenceSteps");
  }

  @Test
  void problems_ofOneSection_doNotHideOthersOfIt() {
    assertThat(
            Configs.failure("rollout.n=few", "rollout.engines=0", "rollout.wrokers=1").problems())
        .extracting(Problem::key)
        .containsExactlyInAnyOrder("rollout.n", "rollout.engines", "rollout.wrokers");
  }

  @Test
  void unknownModel_suggestsTheNearestAndLeavesItsSizeAlone() {
    assertThat(Configs.failure("model.name=glyf", "model.imageWidth=97").problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(
            tuple("model.name: glyf", "expected: one of glyph, qwen-image; did you mean glyph?"));
  }

  @Test
  void qwenImage_withoutItsFolder_isAProblem() {
    assertThat(Configs.failure("model.name=qwen-image").problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(
            tuple(
                "model.path: null",
                "expected: the folder of a Qwen-Image model, with model_index.json"));
  }

  @Test
  void imageSize_notOfWholePatches_isAProblem() {
    assertThat(Configs.failure("model.imageHeight=-32", "model.imageWidth=100").problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(
            tuple(
                "model.imageHeight: -32", "expected: a positive multiple of 8, the patch of glyph"),
            tuple(
                "model.imageWidth: 100", "expected: a positive multiple of 8, the patch of glyph"));
  }

  @Test
  void imagesOfAStep_moreThanAnIndexCounts_areAProblem() {
    assertThat(Configs.failure("data.promptsPerStep=1000000", "rollout.n=10000").problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(
            tuple(
                "data.promptsPerStep: 1000000",
                "expected: at most 214748, as a step counts its images, 10000 a prompt"));
  }

  @Test
  void adapters_withoutTargets_areAProblemUnlessThereAreNone() {
    assertThat(Configs.load("update.lora.targets=[]").update().lora().targets()).isEmpty();
    assertThat(Configs.failure("update.lora.targets=[]", "update.lora.rank=4").problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(
            tuple(
                "update.lora.targets: []",
                "expected: at least one layer, as update.lora.rank is 4"));
  }

  @Test
  void trainingDirectory_belowAFile_isAProblem() throws IOException {
    Path file = Files.createFile(dir.resolve("file"));
    assertThat(Configs.failure("trainer.dir=" + file.resolve("a")).problems())
        .extracting(Problem::message)
        .containsExactly("expected: a directory, new or not; " + file + " is a file");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0 s", "-1 s", "100.1 d", "1e300 d"})
  void duration_thatNoTimerTakes_isAProblem(String duration) {
    assertThat(Configs.failure("reward.timeout=" + duration).problems())
        .extracting(Problem::key, Problem::message)
        .containsExactly(
            tuple("reward.timeout", "expected: a duration above 0, of at most 100 days"));
  }

  @Test
  void weights_thatAreAFolderOrADevice_areAProblem() {
    assertThat(Configs.failure("model.weights=/dev/zero").problems())
        .extracting(Problem::message)
        .containsExactly("expected: a readable file");
    assertThat(Configs.failure("model.weights=" + dir).problems())
        .extracting(Problem::message)
        .containsExactly("expected: a readable file");
  }

  @Test
  void unknownRewardFunction_suggestsTheNearest() {
    assertThat(Configs.failure("reward.functions.orc.weight=1").problems())
        .containsExactly(
            new Problem(
                "reward.functions.orc",
                Optional.empty(),
                "command line",
                "expected: one of jpegCompressibility, jpegIncompressibility, my_reward, ocr,"
                    + " vlmOcr; did you mean ocr?"));
  }

  @ParameterizedTest
  @CsvSource({
    "reward.functions.ocr=null",
    "reward.functions.ocr.weight=0",
    "reward.functions.ocr.weight=-0.0"
  })
  void rewardFunctions_thatScoreNothing_areAProblem(String assignment) {
    assertThat(Configs.failure(assignment).problems())
        .containsExactly(
            new Problem(
                "reward.functions",
                Optional.empty(),
                "command line",
                "expected: at least one reward function with a weight other than 0"));
  }

  @Test
  void rewardFunction_withoutWeight_isAProblem() {
    assertThat(Configs.failure("reward.functions.jpegCompressibility={}").problems())
        .extracting(Problem::subject, Problem::origin)
        .containsExactly(
            tuple("reward.functions.jpegCompressibility.weight: null", "command line"));
  }

  @Test
  void vlmOcr_ofWhichOneThingIsSet_isAProblemForEachThatIsMissing() {
    assertThat(Configs.failure("reward.functions.vlmOcr.weight=1").problems())
        .extracting(Problem::subject)
        .containsExactly(
            "reward.functions.vlmOcr.url: null", "reward.functions.vlmOcr.model: null");
    assertThat(
            Configs.failure(
                    "reward.functions.vlmOcr.url=http://gpu-1:8000/v1",
                    "reward.functions.vlmOcr.model=a")
                .problems())
        .extracting(Problem::subject)
        .containsExactly("reward.functions.vlmOcr.weight: null");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gpu-1:8000/v1",
        "/v1",
        "http:///v1",
        "http://gpu_1/v1",
        "http://me:secret@gpu-1/v1",
        "http://gpu-1/v1?key=secret",
        "http://gpu-1/v1#a",
        "http:gpu-1"
      })
  void urlOfVlmOcr_thatIsNoBase_isAProblem(String url) {
    assertThat(vlmOcr("url=" + url).problems())
        .singleElement()
        .satisfies(
            problem -> {
              assertThat(problem.key()).isEqualTo("reward.functions.vlmOcr.url");
              assertThat(problem.message()).contains("such as http://gpu-1:8000/v1");
            });
  }

  @Test
  void keyOfVlmOcr_inPlaceOfItsVariable_isNotShown() {
    assertThat(vlmOcr("apiKeyEnv=sk-12345"))
        .hasMessageContaining("reward.functions.vlmOcr.apiKeyEnv")
        .hasMessageNotContaining("12345");
  }

  @Test
  void timeoutOfVlmOcr_beyondThatOfRewards_isAProblem() {
    assertThat(vlmOcr("timeout=3 s", "reward.timeout=3 s").problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(
            tuple(
                "reward.functions.vlmOcr.timeout: 3 seconds",
                "expected: less than PT3S (reward.timeout), in which all attempts at an image must"
                    + " fit"));
  }

  private static ConfigException vlmOcr(String setting, String... more) {
    String at = "reward.functions.vlmOcr.";
    return Configs.failure(
        Stream.concat(
                Stream.of(
                    at + "weight=1", at + "url=http://gpu-1:8000/v1", at + "model=a", at + setting),
                Stream.of(more))
            .toArray(String[]::new));
  }

  @Test
  void promptFile_withoutPrompt_isAProblem() throws IOException {
    Path file = Files.writeString(dir.resolve("prompts.txt"), "# none\n\n");
    assertThat(Configs.failure("data.prompts=" + file).problems())
        .extracting(Problem::key, Problem::message)
        .containsExactly(
            tuple(
                "data.prompts",
                "expected: a UTF-8 text with one prompt a line; "
                    + file
                    + " holds no prompt, only blank lines and # comments"));
  }

  @Test
  void promptFile_notInUtf8_isAProblemAtItsLine() throws IOException {
    byte[] latin1 = "one\ngr\u00fcn\n".getBytes(StandardCharsets.ISO_8859_1);
    Path file = Files.write(dir.resolve("my prompts.txt"), latin1);
    assertThat(Configs.failure("data.prompts=" + file).problems())
        .extracting(Problem::message)
        .containsExactly(
            "expected: a UTF-8 text with one prompt a line; " + file + ":2 is not UTF-8");
  }

  @Test
  void outputDirectory_thatExists_isLegal() {
    assertThat(Configs.load("output.dir=" + dir).output().dir()).isEqualTo(dir);
  }

  @Test
  void outputDirectory_belowAFile_isAProblem() throws IOException {
    Path file = Files.createFile(dir.resolve("file"));
    assertThat(Configs.failure("output.dir=" + file.resolve("a/b")).problems())
        .extracting(Problem::message)
        .containsExactly("expected: a directory, new or not; " + file + " is a file");
  }

  private static String[] strategy(String strategy, String size) {
    return new String[] {
      "sampler.sdeWindowRange=[0, 5]",
      "sampler.sdeWindowSize=" + size,
      "sampler.sdeWindowStrategy=" + strategy
    };
  }

  private static String[] window(int steps, String size, String range) {
    return new String[] {
      "sampler.numInferenceSteps=" + steps,
      "sampler.sdeWindowSize=" + size,
      "sampler.sdeWindowRange=" + range
    };
  }
}
