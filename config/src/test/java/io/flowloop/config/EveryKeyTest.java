package io.flowloop.config;

import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What holds for each key, whichever it is. */
class EveryKeyTest {

  private static final Map<String, String> OUT_OF_RANGE =
      Stream.of(
              "data.prompts=/no/such/file",
              "data.validationPrompts=/no/such/file",
              "data.promptsPerStep=0",
              "model.name=glypf",
              "model.weights=/no/such/file",
              "model.threads=-1",
              "model.imageHeight=0",
              "model.path=/no/such/folder",
              "model.adapter=/no/such/file",
              "model.imageWidth=97",
              "rollout.n=0",
              "rollout.engines=0",
              "rollout.workers=-2",
              "rollout.maxRowsPerForward=0",
              "rollout.packGroups=0",
              "rollout.requestTimeout=0 s",
              "rollout.agentLoop=none",
              "sampler.numInferenceSteps=0",
              "sampler.noiseLevel=-0.1",
              "sampler.sdeWindowSize=10",
              "sampler.sdeWindowRange=[0, 11]",
              "sampler.itersPerGroup=0",
              "reward.functions.vlmOcr.url=ftp://gpu-1",
              "reward.functions.vlmOcr.model=null",
              "reward.functions.vlmOcr.apiKeyEnv=sk-1",
              "reward.functions.vlmOcr.maxTokens=0",
              "reward.functions.vlmOcr.timeout=10 s",
              "reward.functions.vlmOcr.retries=-1",
              "reward.functions.vlmOcr.concurrency=0",
              "reward.functions.vlmOcr.breaker.failures=0",
              "reward.functions.vlmOcr.breaker.pause=0 s",
              "reward.concurrency=0",
              "reward.timeout=-1 s",
              "advantage.clamp=0",
              "update.loss.clipRange=0",
              "update.loss.divergenceLimit=0",
              "update.loss.beta=-1e-9",
              "update.optimizer.learningRate=0",
              "update.optimizer.warmupSteps=-1",
              "update.optimizer.weightDecay=-1e-9",
              "update.optimizer.maxGradientNorm=0",
              "update.epochs=0",
              "update.miniBatch=0",
              "update.microBatch=0",
              "update.lora.rank=-1",
              "update.lora.alpha=0",
              "update.ema.decay=1",
              "update.ema.every=0",
              "trainer.steps=0",
              "trainer.validateEvery=0",
              "trainer.saveEvery=0",
              "trainer.keep=0",
              "trainer.refillGroups=-1",
              "trainer.trackers=[nobody]",
              "trainer.dir=pom.xml",
              "validation.prompts=0",
              "validation.n=0",
              "validation.numInferenceSteps=0",
              "output.dir=pom.xml/out",
              "http.host=\" \"",
              "http.port=65536",
              "cluster.host=\" \"",
              "cluster.port=65536",
              "cluster.dataPort=-1",
              "cluster.seedNodes=[trainer]",
              "cluster.minEngines=0",
              "cluster.certificates=/no/such/folder",
              "cluster.blobBytes=1 KiB",
              "pretrain.steps=0",
              "pretrain.batchSize=0",
              "pretrain.learningRate=0",
              "pretrain.warmupSteps=-1",
              "pretrain.weightDecay=-1e-9",
              "pretrain.emaDecay=1",
              "pretrain.promptDropout=-0.5",
              "pretrain.sampleEvery=0",
              "pretrain.saveEvery=0",
              "pretrain.dir=pom.xml")
          .map(assignment -> assignment.split("=", 2))
          .collect(toMap(parts -> parts[0], parts -> parts[1]));

  private static final Set<String> WITHOUT_RANGE =
      Set.of(
          "data.shuffleSeed",
          "model.device",
          "model.dtype",
          "model.negativePrompt",
          "model.offload",
          "model.promptCache",
          "rollout.enableBatchedDiffusion",
          "rollout.seed",
          "sampler.guidanceScale",
          "sampler.sdeType",
          "sampler.sdeWindowStrategy",
          "reward.functions.ocr.weight",
          "reward.functions.vlmOcr.weight",
          "reward.onFailure",
          "advantage.scale",
          "advantage.aggregation",
          "update.loss.type",
          "update.optimizer.decay",
          "update.activationCheckpointing",
          "update.lora.targets",
          "trainer.journal",
          "validation.seed",
          "cluster.enabled",
          "cluster.roles",
          "cluster.bindHost",
          "cluster.insecure",
          "pretrain.seed");

  /** Keys whose values only training judges. */
  private static final Set<String> JUDGED_IN_TRAINING =
      Set.of("data.validationPrompts", "trainer.trackers");

  /** Keys of a function that is not used without some of them. */
  private static final Pattern VLM_OCR =
      Pattern.compile("(reward\\.functions\\.vlm[-_]?[oO]cr\\.).*");

  /** A list of lists, which no key takes. */
  private static final String MISTYPED = "=[[1]]";

  static List<String> keys() {
    return Configs.keys();
  }

  static Set<String> keysWithRange() {
    return OUT_OF_RANGE.keySet();
  }

  @Test
  void rangesOfThisTest_coverEveryKey() {
    assertThat(Stream.concat(OUT_OF_RANGE.keySet().stream(), WITHOUT_RANGE.stream()))
        .containsExactlyInAnyOrderElementsOf(keys());
  }

  @ParameterizedTest
  @MethodSource("keys")
  void misspelledName_suggestsTheKey(String key) {
    assertUnknown(key + "q", key);
  }

  @ParameterizedTest
  @MethodSource("keys")
  void misspelledSection_suggestsTheKey(String key) {
    assertUnknown("q" + key, key);
  }

  @ParameterizedTest
  @MethodSource("keys")
  void wrongType_namesTheKeyAndItsOrigin(String key) {
    assertThat(Configs.failure(used(key, key + MISTYPED)).problems())
        .singleElement()
        .satisfies(
            problem -> {
              assertThat(problem.key()).isEqualTo(key);
              assertThat(problem.value()).contains("[[1]]");
              assertThat(problem.origin()).isEqualTo("command line");
              assertThat(problem.message()).startsWith("expected: ");
            });
  }

  @ParameterizedTest
  @MethodSource("keysWithRange")
  void outOfRange_namesTheKeyAndItsOrigin(String key) {
    assertThat(Configs.trainingFailure(outOfRange(key)).problems())
        .singleElement()
        .satisfies(
            problem -> {
              assertThat(problem.key()).isEqualTo(key);
              assertThat(problem.origin()).isEqualTo("command line");
              assertThat(problem.message()).startsWith("expected: ");
            });
  }

  @Test
  void outOfRange_inARollout_isAProblemUnlessOnlyTrainingJudgesIt() {
    for (String key : keysWithRange()) {
      if (JUDGED_IN_TRAINING.contains(key)) {
        assertThat(Configs.resolve(outOfRange(key)).settings())
            .anyMatch(
                setting -> setting.key().equals(key) && setting.origin().equals("command line"));
      } else {
        assertThat(Configs.failure(outOfRange(key)).problems())
            .isEqualTo(Configs.trainingFailure(outOfRange(key)).problems());
      }
    }
  }

  @Test
  void wrongTypesOfAllKeys_areReportedTogether() {
    String[] assignments = keys().stream().map(key -> key + MISTYPED).toArray(String[]::new);
    assertThat(Configs.failure(assignments).problems())
        .extracting(Problem::key)
        .containsExactlyElementsOf(keys());
  }

  @Test
  void kebabAndSnakeCase_areTheSameKeyEverywhere() {
    for (String key : keys()) {
      String kebab = key.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
      assertThat(Configs.failure(used(kebab, kebab + MISTYPED)).problems())
          .extracting(Problem::key)
          .containsExactly(key);
      String snake = kebab.replace('-', '_');
      assertThat(Configs.failure(used(snake, snake + MISTYPED)).problems())
          .extracting(Problem::key)
          .containsExactly(key);
    }
  }

  private static String[] outOfRange(String key) {
    return used(key, key + "=" + OUT_OF_RANGE.get(key));
  }

  /** An assignment behind those without which its key is not used. */
  private static String[] used(String key, String assignment) {
    Matcher unused = VLM_OCR.matcher(key);
    if (!unused.matches()) {
      return new String[] {assignment};
    }
    String at = unused.group(1);
    return new String[] {
      at + "weight=1", at + "url=http://gpu-1:8000/v1", at + "model=a", assignment
    };
  }

  private static void assertUnknown(String written, String key) {
    assertThat(Configs.failure(used(written, written + "=1")).problems())
        .singleElement()
        .isEqualTo(
            new Problem(
                written,
                Optional.empty(),
                "command line",
                "unknown key; did you mean " + key + "?"));
  }
}
