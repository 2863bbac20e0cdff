package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TrainingChecksTest {

  @TempDir private Path dir;

  @Test
  void defaults_canBeTrainedWith() {
    assertThat(Configs.training().config()).isEqualTo(Configs.load());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "rollout.n=1",
        "rollout.n=7",
        "data.promptsPerStep=3",
        "sampler.sdeType=ode",
        "sampler.noiseLevel=0",
        "data.validationPrompts=/no/such/file",
        "validation.prompts=1000",
        "trainer.trackers=[nobody]"
      })
  void whatCannotBeTrainedWith_canBeDrawnWith(String assignment) {
    assertThat(Configs.trainingFailure(assignment).problems()).isNotEmpty();
    assertThat(Configs.resolve(assignment).settings())
        .anyMatch(setting -> setting.origin().equals("command line"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          rollout.n=1                 | rollout.n: 1                 | 2 or more to train, as an image alone has nothing to be compared with
          sampler.sdeType=ode         | sampler.sdeType: ode         | sde, cps or danceSde to train, as the policy learns from stochastic denoising steps
          sampler.noiseLevel=0        | sampler.noiseLevel: 0.0      | more than 0 to train, as no denoising step is stochastic without noise
          validation.prompts=33       | validation.prompts: 33       | at most 32, the prompts of classpath:glyph/heldout.txt
          """)
  void nothingToLearnFrom_isAProblem(String assignment, String subject, String expected) {
    assertThat(Configs.trainingFailure(assignment).problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(tuple(subject, "expected: " + expected));
  }

  @Test
  void oneDenoisingStep_isAProblemOfTrainingAlone() {
    String[] walk = {
      "sampler.numInferenceSteps=1", "sampler.sdeWindowSize=null", "sampler.sdeWindowRange=null"
    };
    assertThat(Configs.trainingFailure(walk).problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(
            tuple(
                "sampler.numInferenceSteps: 1",
                "expected: 2 or more to train, as the last denoising step is never stochastic"));
    assertThat(Configs.load(walk).sampler().windowSize()).isZero();
  }

  @Test
  void allWeightsInBfloat16_areAProblemOfTrainingAQwenImage(@TempDir Path folder) {
    String path = "model.path=\"%s\"".formatted(folder);
    String[] rounded = {"model.name=qwen-image", path, "model.dtype=bfloat16"};

    assertThat(Configs.trainingFailure(rounded).problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(
            tuple(
                "update.lora.rank: 0",
                "expected: 1 or more, such as 64, as model.dtype is bfloat16, which rounds the steps"
                    + " of training away; or model.dtype = float32, to train all weights"));
    assertThat(Configs.load(rounded).model().dtype()).isEqualTo(Dtype.BFLOAT16);
    ConfigLoader.check(Configs.load("model.dtype=bfloat16"), Configs.NAMES, Purpose.TRAINING);
    ConfigLoader.check(
        Configs.load(rounded[0], rounded[1], rounded[2], "update.lora.rank=64"),
        Configs.NAMES,
        Purpose.TRAINING);
    ConfigLoader.check(Configs.load(rounded[0], rounded[1]), Configs.NAMES, Purpose.TRAINING);
  }

  @Test
  void configOfAProgram_keepsTheSameRules() {
    FlowLoopConfig config = Configs.load("rollout.n=1", "sampler.sdeType=ode");

    ConfigLoader.check(config, Configs.NAMES, Purpose.ROLLOUT);
    ConfigException failure =
        catchThrowableOfType(
            ConfigException.class,
            () -> ConfigLoader.check(config, Configs.NAMES, Purpose.TRAINING));
    assertThat(failure.problems())
        .extracting(Problem::message)
        .isEqualTo(
            Configs.trainingFailure("rollout.n=1", "sampler.sdeType=ode").problems().stream()
                .map(Problem::message)
                .toList());
    assertThat(failure)
        .hasMessageMatching("(?s)\\d problems in the program\n.*  \\(the program\\)  .*");
  }

  @Test
  void configOfAProgram_ofAnotherModel_isKnownByName() {
    FlowLoopConfig config = Configs.load();
    ModelConfig flux = config.model().named("flux");
    FlowLoopConfig other =
        new FlowLoopConfig(
            config.data(),
            flux,
            config.rollout(),
            config.sampler(),
            config.reward(),
            config.advantage(),
            config.update(),
            config.trainer(),
            config.validation(),
            config.output(),
            config.http(),
            config.cluster(),
            config.pretrain());

    assertThat(
            catchThrowableOfType(
                ConfigException.class,
                () -> ConfigLoader.check(other, Configs.NAMES, Purpose.TRAINING)))
        .hasMessageContaining("model.name: flux");
    ConfigLoader.check(other, Configs.NAMES.withModels(Set.of("flux")), Purpose.TRAINING);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          8 | 16 | true  | 64 | 16  | null
          8 | 16 | true  | 64 | 128 | null
          8 | 16 | true  | 8  | 8   | null
          8 | 16 | true  | 12 | 32  | null
          8 | 16 | false | 64 | 1   | null
          8 | 16 | true  | 64 | 4   | 2
          3 | 5  | true  | 64 | 15  | 3
          """)
  void miniBatch_ofWholeForwards_isLegal(
      int prompts, int n, boolean batched, int rows, int mini, String micro) {
    String[] batches = batches(prompts, n, batched, rows, mini, micro);
    assertThat(Configs.training(batches).config().update().miniBatch()).isEqualTo(mini);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          8 | 16 | true  | 64 | 24  | null | update.miniBatch: 24  | a divisor of 128, the images of a step (8 prompts x 16), and a multiple of 16, the images that forwards of a rollout draw together; nearest: 16 or 32
          8 | 16 | true  | 64 | 8   | null | update.miniBatch: 8   | a divisor of 128, the images of a step (8 prompts x 16), and a multiple of 16, the images that forwards of a rollout draw together; nearest: 16
          8 | 16 | true  | 12 | 12  | null | update.miniBatch: 12  | a divisor of 128, the images of a step (8 prompts x 16), and a multiple of 16, the images that forwards of a rollout draw together; nearest: 16
          2 | 16 | true  | 64 | 64  | null | update.miniBatch: 64  | a divisor of 32, the images of a step (2 prompts x 16), and a multiple of 16, the images that forwards of a rollout draw together; nearest: 32
          8 | 16 | true  | 4  | 6   | null | update.miniBatch: 6   | a divisor of 128, the images of a step (8 prompts x 16), and a multiple of 4, the images that forwards of a rollout draw together; nearest: 4 or 8
          8 | 16 | false | 64 | 100 | null | update.miniBatch: 100 | a divisor of 128, the images of a step (8 prompts x 16), and a multiple of 1, the images that forwards of a rollout draw together; nearest: 64 or 128
          8 | 16 | true  | 64 | 16  | 32   | update.miniBatch: 16  | a divisor of 128, the images of a step (8 prompts x 16), and a multiple of update.microBatch (32); nearest: 32
          8 | 16 | true  | 64 | 64  | 5    | update.microBatch: 5  | a divisor of 128, the images of a step (8 prompts x 16); nearest: 4 or 8
          """)
  void miniBatch_notDividing_namesTheNumbersAndTheNearest(
      int prompts,
      int n,
      boolean batched,
      int rows,
      int mini,
      String micro,
      String subject,
      String expected) {
    String[] batches = batches(prompts, n, batched, rows, mini, micro);
    assertThat(Configs.trainingFailure(batches).problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(tuple(subject, "expected: " + expected));
  }

  @Test
  void unknownTrackers_areAProblemEachWithTheNearest() {
    assertThat(Configs.trainingFailure("trainer.trackers=[metrix, report, wandb]").problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(
            tuple(
                "trainer.trackers: metrix",
                "expected: one of metrics, report, tensorboard; did you mean metrics?"),
            tuple("trainer.trackers: wandb", "expected: one of metrics, report, tensorboard"));
  }

  @Test
  void validationPrompts_withoutPrompt_areAProblem() throws IOException {
    Path file = Files.writeString(dir.resolve("heldout.txt"), "# none\n");
    assertThat(Configs.trainingFailure("data.validationPrompts=" + file).problems())
        .extracting(Problem::key, Problem::message)
        .containsExactly(
            tuple(
                "data.validationPrompts",
                "expected: a UTF-8 text with one prompt a line; "
                    + file
                    + " holds no prompt, only blank lines and # comments"));
  }

  @Test
  void problems_ofTrainingAndOfAnyUse_areReportedTogetherWithTheirLines() throws IOException {
    Path file =
        Files.writeString(
            dir.resolve("my.conf"), "rollout.engines = 0\nsampler.sdeType = ode\nrollout.m = 1\n");
    ConfigSources sources =
        new ConfigSources(
            ConfigSources.DEFAULT_PRESET, Optional.of(file), List.of("update.miniBatch=24"));
    assertThat(Configs.failure(sources, Purpose.TRAINING).problems())
        .extracting(Problem::key, Problem::origin)
        .containsExactlyInAnyOrder(
            tuple("rollout.m", file + ":3"),
            tuple("rollout.engines", file + ":1"),
            tuple("sampler.sdeType", file + ":2"),
            tuple("update.miniBatch", "command line"));
  }

  @Test
  void miniBatch_packedForwards_isTheWholeStepAsAnyGroupsMayShareThem() {
    String[] settings = {"rollout.n=2", "data.promptsPerStep=8", "rollout.packGroups=4"};
    String[] whole = Arrays.copyOf(settings, 4);
    whole[3] = "update.miniBatch=16";
    assertThat(Configs.training(whole).config().rollout().packGroups()).isEqualTo(4);

    String[] half = Arrays.copyOf(settings, 4);
    half[3] = "update.miniBatch=8";
    assertThat(Configs.trainingFailure(half).problems())
        .singleElement()
        .satisfies(
            problem -> {
              assertThat(problem.key()).isEqualTo("update.miniBatch");
              assertThat(problem.toString()).contains("rollout.packGroups", "nearest: 16");
            });
  }

  private static String[] batches(
      int prompts, int n, boolean batched, int rows, int mini, String micro) {
    return new String[] {
      "data.promptsPerStep=" + prompts,
      "rollout.n=" + n,
      "rollout.enableBatchedDiffusion=" + batched,
      "rollout.maxRowsPerForward=" + rows,
      "update.miniBatch=" + mini,
      "update.microBatch=" + micro
    };
  }
}
