package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigLoaderTest {

  @TempDir private Path dir;

  @Test
  void origin_ofEachLayer_isKept() throws IOException {
    Path file = write("my.conf", "rollout {", "  engines = 3", "  workers = 3", "}");
    ResolvedConfig resolved = Configs.resolve(file, "rollout.workers=4");
    assertThat(resolved.settings())
        .contains(
            new Setting("rollout.n", "16", "reference"),
            new Setting("model.imageWidth", "96", "preset glyph"),
            new Setting("rollout.engines", "3", file + ":2"),
            new Setting("rollout.workers", "4", "command line"));
  }

  @Test
  void assignment_givenTwice_theLastHolds() {
    assertThat(Configs.load("rollout.n=4", "rollout.n=5").rollout().n()).isEqualTo(5);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/a/b c.txt",
        "runs/#3",
        "runs//3",
        "a=b, c",
        "a:b",
        "x { y",
        "[half",
        "true",
        "007",
        "${",
        "it's",
        "grün"
      })
  void assignment_ofPlainText_isTakenAsItStands(String text) {
    assertThat(Configs.load("output.dir=" + text).output().dir()).isEqualTo(Path.of(text));
  }

  @Test
  void assignment_ofEachType_isRead() {
    FlowLoopConfig config =
        Configs.load(
            "data.prompts=classpath:glyph/train.txt",
            "model.device=gpu:1",
            "model.weights=pom.xml",
            "rollout.enableBatchedDiffusion=false",
            "rollout.seed=-9000000000",
            "rollout.request-timeout=1.5 h",
            "sampler.sdeType=danceSde",
            "sampler.sdeWindowSize=2",
            "sampler.sdeWindowRange=[0,5]",
            "reward.onFailure=drop_group",
            "reward.functions={ocr{weight=2},jpegCompressibility{weight=-1}}",
            "output.dir=\"a b\"/c",
            "pretrain.learningRate=1e-5");
    assertThat(config.model().device()).isEqualTo(new Device.Gpu(1));
    assertThat(config.model().weights()).contains(Path.of("pom.xml"));
    assertThat(config.rollout().enableBatchedDiffusion()).isFalse();
    assertThat(config.rollout().seed()).isEqualTo(-9_000_000_000L);
    assertThat(config.rollout().requestTimeout()).isEqualTo(Duration.ofMinutes(90));
    assertThat(config.sampler().sdeType()).isEqualTo(SdeType.DANCE_SDE);
    assertThat(config.sampler().sdeWindowSize()).isEqualTo(OptionalInt.of(2));
    assertThat(config.sampler().sdeWindowRange()).contains(new IntRange(0, 5));
    assertThat(config.reward().onFailure()).isEqualTo(OnFailure.DROP_GROUP);
    assertThat(config.reward().functions())
        .containsEntry("ocr", RewardFunctionConfig.of(2))
        .containsEntry("jpegCompressibility", RewardFunctionConfig.of(-1));
    assertThat(config.output().dir()).isEqualTo(Path.of("a b/c"));
    assertThat(config.pretrain().learningRate()).isEqualTo(1e-5);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          rollout.n                      | 8.5        | a whole number of at most 2147483647
          rollout.n                      | 2147483648 | a whole number of at most 2147483647
          rollout.n                      | null       | a whole number of at most 2147483647
          rollout.seed                   | many       | a whole number of 64 bits
          rollout.enableBatchedDiffusion | perhaps    | true or false
          rollout.requestTimeout         | 10         | a number and a unit, such as 10 s
          rollout.requestTimeout         | 10 parsecs | a number and a unit, such as 10 s
          rollout                        | 3          | keys in braces
          model.device                   | gpu        | auto, cpu or gpu:<number>
          model.device                   | gpu:-1     | auto, cpu or gpu:<number>
          sampler.guidanceScale          | NaN        | a finite number
          sampler.noiseLevel             | 1e999      | a finite number
          sampler.noiseLevel             | 1d         | a finite number
          sampler.sdeType                | sdes       | one of sde, cps, danceSde, ode
          sampler.sdeWindowSize          | all        | a whole number of at most 2147483647, or null
          sampler.sdeWindowRange         | [5, 3]     | [start, end] with 0 <= start <= end, or null
          sampler.sdeWindowRange         | [1, 2, 3]  | [start, end] with 0 <= start <= end, or null
          sampler.sdeWindowRange         | 5          | [start, end] with 0 <= start <= end, or null
          reward.functions.ocr.weight    | Infinity   | a finite number
          rollout.n                      | {x=3}      | a whole number of at most 2147483647
          data.prompts                   | ''         | a text
          output.dir                     | ''         | a path
          """)
  void assignment_ofAnotherType_saysWhatWasExpected(String key, String value, String expected) {
    assertThat(Configs.failure(key + "=" + value).problems())
        .singleElement()
        .satisfies(
            problem -> {
              assertThat(problem.key()).isEqualTo(key);
              assertThat(problem.message()).isEqualTo("expected: " + expected);
            });
  }

  @ParameterizedTest
  @ValueSource(strings = {"rollout.n", "=3", "a..b=3", ".=3"})
  void assignment_withoutKeyOrValue_isAProblem(String assignment) {
    assertThat(Configs.failure(assignment).problems())
        .containsExactly(
            new Problem(
                assignment,
                Optional.empty(),
                "command line",
                "expected: key=value, such as rollout.n=8"));
  }

  @Test
  void assignment_ofNothing_isAProblemThatCanBeSeen() {
    assertThat(Configs.failure("", " ").problems())
        .extracting(Problem::key)
        .containsExactly("\"\"", "\" \"");
  }

  @Test
  void assignment_ofALongKey_isAProblemInShort() {
    assertThat(Configs.failure("a.".repeat(8000) + "a=1").problems())
        .singleElement()
        .satisfies(problem -> assertThat(problem.key()).hasSizeLessThan(300).startsWith("a.a."));
  }

  @ParameterizedTest
  @ValueSource(strings = {"{", "[", "a{", "a=[", "a."})
  void nesting_thatIsDeep_isAProblem(String level) throws IOException {
    Path file = write("my.conf", "rollout.n = 1", "a = " + level.repeat(20_000) + "a = 1");
    assertThat(Configs.failure(file).problems()).hasSize(1);
    assertThat(Configs.failure("rollout.n=" + level.repeat(20_000)).problems()).hasSize(1);
  }

  @Test
  void keysBeyondNumber_areAProblemEachUpToTheMost() throws IOException {
    Path file =
        write(
            "my.conf",
            IntStream.range(0, 6000).mapToObj(i -> "k" + i + "=1").toArray(String[]::new));
    assertThat(Configs.failure(file).problems()).hasSize(Problems.MOST);
  }

  @Test
  void file_ofAnyName_isHocon() throws IOException {
    Path file = write("my.properties", "output.dir = \\uZZZZ");
    assertThat(Configs.failure(file).problems())
        .extracting(Problem::origin)
        .containsExactly(file + ":1");
  }

  @Test
  void file_thatIsNoTextOfSaneSize_isAProblem() throws IOException {
    Path large = write("large.conf", "#".repeat(1 << 16));
    for (Path file : List.of(dir, Path.of("/dev/zero"), large)) {
      assertThat(Configs.failure(file).problems())
          .singleElement()
          .satisfies(
              problem -> {
                assertThat(problem.subject()).isEqualTo("config file: " + file);
                assertThat(problem.message()).startsWith("expected: a UTF-8 text in HOCON; ");
              });
    }
  }

  @Test
  void zero_ofAnySign_isOneNumber() {
    assertThat(Configs.load("sampler.guidanceScale=-0.0").sampler().guidanceScale()).isEqualTo(0.0);
  }

  @Test
  void twoSpellings_ofOneKeyInOneSource_areAProblemThatNamesBoth() throws IOException {
    Path file =
        write("my.conf", "rollout.max_rows_per_forward = 1", "rollout.maxRowsPerForward = 2");
    assertThat(Configs.failure(file).problems())
        .singleElement()
        .satisfies(
            problem -> {
              assertThat(problem.key()).isEqualTo("rollout.maxRowsPerForward");
              assertThat(problem.message())
                  .contains("max_rows_per_forward (" + file + ":1)")
                  .contains("maxRowsPerForward (" + file + ":2)");
            });
  }

  @Test
  void twoSpellings_inTwoSources_areOneKey() throws IOException {
    Path file = write("my.conf", "rollout.max_rows_per_forward = 1");
    RolloutConfig rollout =
        Configs.resolve(file, "rollout.max-rows-per-forward=2").config().rollout();
    assertThat(rollout.maxRowsPerForward()).isEqualTo(2);
  }

  @Test
  void names_ofRewardFunctions_mayHaveAnySpelling() {
    assertThat(
            Configs.load(
                    "reward.functions.jpeg-compressibility.weight=1",
                    "reward.functions.myReward.weight=1")
                .reward()
                .functions())
        .containsOnlyKeys("ocr", "jpegCompressibility", "my_reward");
  }

  @Test
  void null_unsetsAnOptionalKeyAndARewardFunction() {
    FlowLoopConfig config =
        Configs.load(
            "sampler.sdeWindowSize=2",
            "sampler.sdeWindowSize=null",
            "reward.functions.ocr=null",
            "reward.functions.jpegCompressibility.weight=1");
    assertThat(config.sampler().sdeWindowSize()).isEmpty();
    assertThat(config.reward().functions()).containsOnlyKeys("jpegCompressibility");
  }

  @Test
  void functionOfTheReference_withoutAWeight_isNotUsed() throws IOException {
    Path copy = dir.resolve("copy.conf");
    try (InputStream reference =
        ConfigLoader.class.getResourceAsStream("/flowloop-reference.conf")) {
      Files.copy(Objects.requireNonNull(reference), copy);
    }
    assertThat(Configs.resolve().settings())
        .extracting(Setting::key)
        .contains("reward.functions.ocr.weight")
        .noneMatch(key -> key.contains("vlmOcr"));
    assertThat(Configs.resolve(copy).config().reward()).isEqualTo(Configs.load().reward());
  }

  @Test
  void functionOfTheReference_withAWeight_hasItsDefaults() {
    assertThat(
            Configs.load(
                    "reward.functions.ocr=null",
                    "reward.functions.vlmOcr={weight=2,url=\"http://gpu-1:8000/v1\",model=Qwen/VL}")
                .reward()
                .functions())
        .containsExactly(
            Map.entry(
                "vlmOcr",
                new VlmOcrConfig(
                    2,
                    Optional.of(URI.create("http://gpu-1:8000/v1")),
                    Optional.of("Qwen/VL"),
                    Optional.empty(),
                    256,
                    Duration.ofSeconds(5),
                    2,
                    8,
                    new BreakerConfig(5, Duration.ofSeconds(30)))));
  }

  @Test
  void include_ofAnotherFile_isNamedAsTheOrigin() throws IOException {
    Path included = write("base.conf", "", "rollout.engines = 0");
    Path file = write("my.conf", "include \"base.conf\"", "rollout.workers = 0");
    assertThat(Configs.failure(file).problems())
        .extracting(Problem::key, Problem::origin)
        .containsExactly(
            tuple("rollout.engines", included + ":2"), tuple("rollout.workers", file + ":2"));
  }

  @Test
  void include_ofAMissingFile_isAProblem() throws IOException {
    Path file = write("my.conf", "include \"nowhere.conf\"");
    assertThat(Configs.failure(file).problems())
        .containsExactly(
            new Problem(
                "config file",
                Optional.of(file.toString()),
                file.toString(),
                "includes nowhere.conf, which cannot be read: "
                    + dir.resolve("nowhere.conf")
                    + " does not exist"));
  }

  @Test
  void relativeFile_findsItsIncludesAndKeepsItsName() throws IOException {
    Path here = Path.of("").toAbsolutePath();
    Path included = write("base.conf", "rollout.n = 0");
    Path file = write("my.conf", "include \"base.conf\"");
    assertThat(Configs.failure(here.relativize(file)).problems())
        .extracting(Problem::origin)
        .containsExactly(here.relativize(included) + ":1");
  }

  @Test
  void substitution_isReplacedByTheFinalValue() throws IOException {
    Path file =
        write("my.conf", "pretrain.dir = ${output.dir}/pretrain", "rollout.n = ${?NOT_SET}");
    ResolvedConfig resolved = Configs.resolve(file, "output.dir=/srv/elsewhere");
    assertThat(resolved.config().pretrain().dir()).isEqualTo(Path.of("/srv/elsewhere/pretrain"));
    assertThat(resolved.settings())
        .contains(
            new Setting("pretrain.dir", "\"/srv/elsewhere/pretrain\"", file + ":1"),
            new Setting("rollout.n", "16", "reference"));
  }

  @Test
  void substitution_withoutValue_isAProblemAmongOthers() throws IOException {
    Path file =
        write(
            "my.conf",
            "rollout.n = ${nowhere}",
            "sampler = ${nowhere}",
            "reward.functions.ocr = ${nowhere}",
            "output.dir = [1]");
    assertThat(Configs.failure(file).problems())
        .extracting(Problem::key, Problem::origin)
        .containsExactly(
            tuple("rollout.n", file + ":1"),
            tuple("sampler", file + ":2"),
            tuple("reward.functions.ocr", file + ":3"),
            tuple("output.dir", file + ":4"));
  }

  @Test
  void substitution_inACircle_isAProblem() throws IOException {
    Path file = write("my.conf", "rollout.n = ${a}", "a = ${b}", "b = ${a}");
    assertThat(Configs.failure(file).problems())
        .singleElement()
        .satisfies(problem -> assertThat(problem.origin()).startsWith(file + ":"));
  }

  @Test
  void syntaxError_isAProblemAtItsLineAmongOthers() throws IOException {
    Path file = write("my.conf", "rollout {", "  n = 4", "  device = gpu:0", "}");
    ConfigException failure = Configs.failure(file, "rollout.n=many");
    assertThat(failure.problems())
        .extracting(Problem::key, Problem::origin)
        .containsExactly(tuple("config file", file + ":3"), tuple("rollout.n", "command line"));
    assertThat(failure).hasMessageContaining("got ':'");
  }

  @Test
  void missingFile_isAProblemAmongOthers() {
    Path file = dir.resolve("nowhere.conf");
    assertThat(Configs.failure(file, "rollout.m=1").problems())
        .extracting(Problem::subject, Problem::message)
        .containsExactly(
            tuple(
                "config file: " + file,
                "expected: a UTF-8 text in HOCON; " + file + " does not exist"),
            tuple("rollout.m", "unknown key; did you mean rollout.n?"));
  }

  @Test
  void keyInAnotherSection_isFoundByItsName() {
    assertThat(Configs.failure("numInferenceSteps=4", "rollout.noise-level=1").problems())
        .extracting(Problem::message)
        .containsExactly(
            "unknown key; did you mean sampler.numInferenceSteps?",
            "unknown key; did you mean sampler.noiseLevel?");
  }

  @Test
  void failure_createsNothing() throws IOException {
    Configs.failure("output.dir=" + dir.resolve("out"), "rollout.n=0");
    Configs.load("output.dir=" + dir.resolve("out"));
    assertThat(dir).isEmptyDirectory();
  }

  private Path write(String name, String... lines) throws IOException {
    return Files.write(dir.resolve(name), List.of(lines));
  }
}
