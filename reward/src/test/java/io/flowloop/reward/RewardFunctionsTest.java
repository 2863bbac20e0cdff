package io.flowloop.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.flowloop.config.BreakerConfig;
import io.flowloop.config.OnFailure;
import io.flowloop.config.RewardConfig;
import io.flowloop.config.RewardFunctionConfig;
import io.flowloop.config.VlmOcrConfig;
import io.flowloop.engine.RgbImage;
import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RewardFunctionsTest {

  private static final RgbImage IMAGE = Pictures.plain(2, 2, 10);

  @Test
  void names_classPath_holdsBuiltInAndForeignFunctions() {
    assertThat(RewardFunctions.names())
        .containsExactly(
            "jpegCompressibility", "jpegIncompressibility", "ocr", "prompted", "red", "vlmOcr");
  }

  @Test
  void of_settings_hasEachFunctionWithItsOwn() {
    try (RewardFunctions functions =
        RewardFunctions.of(
            rewards(Map.of("red", RewardFunctionConfig.of(2), "vlmOcr", vlm(Optional.of("a")))))) {
      assertThat(functions.identity()).isEqualTo("2.0 red + 0.5 vlmOcr(a)");
      assertThat(functions.weights()).isEqualTo(Map.of("red", 2.0, "vlmOcr", 0.5));
    }
  }

  @Test
  void of_serverWithoutAModel_saysSo() {
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> RewardFunctions.of(rewards(Map.of("vlmOcr", vlm(Optional.empty())))))
        .withMessageStartingWith("reward.functions.vlmOcr.model: null (expected: ");
  }

  private static RewardConfig rewards(Map<String, RewardFunctionConfig> functions) {
    return new RewardConfig(functions, 1, Duration.ofSeconds(10), OnFailure.FAIL_RUN);
  }

  private static VlmOcrConfig vlm(Optional<String> model) {
    return new VlmOcrConfig(
        0.5,
        Optional.of(URI.create("http://127.0.0.1:1/v1")),
        model,
        Optional.empty(),
        64,
        Duration.ofSeconds(5),
        0,
        1,
        new BreakerConfig(1, Duration.ofSeconds(1)));
  }

  @Test
  void score_severalFunctions_isTheirWeightedSum() throws Exception {
    Map<String, Double> weights = new LinkedHashMap<>();
    weights.put("red", 0.5);
    weights.put("prompted", -2.0);

    Reward reward = RewardFunctions.of(weights).score("3", IMAGE);

    assertThat(reward.total()).isEqualTo(0.5 * 10 - 2 * 3);
    assertThat(reward.parts()).containsExactly(Map.entry("red", 10.0), Map.entry("prompted", 3.0));
  }

  @Test
  void identity_severalFunctions_namesTheirWeightsInOrder() {
    Map<String, Double> weights = new LinkedHashMap<>();
    weights.put("red", 0.5);
    weights.put("prompted", -2.0);

    assertThat(RewardFunctions.of(weights).identity()).isEqualTo("0.5 red + -2.0 prompted");
  }

  @ParameterizedTest
  @ValueSource(strings = {"NaN", "Infinity", "-Infinity"})
  void score_notFinite_isAFailureThatNamesTheFunction(String answer) {
    assertThatExceptionOfType(RewardException.class)
        .isThrownBy(() -> prompted().score(answer, IMAGE))
        .withMessage("reward function prompted: " + answer + " (expected: a finite number)");
  }

  @Test
  void score_sumOutOfRange_isAFailure() {
    RewardFunctions functions = RewardFunctions.of(Map.of("prompted", 10.0));

    assertThatExceptionOfType(RewardException.class)
        .isThrownBy(() -> functions.score("1e308", IMAGE))
        .withMessageContaining("Infinity");
  }

  @ParameterizedTest
  @ValueSource(strings = {"checked", "unchecked", "unlinked"})
  void score_functionThrows_isAFailureWithItsCause(String prompt) {
    assertThatExceptionOfType(RewardException.class)
        .isThrownBy(() -> prompted().score(prompt, IMAGE))
        .withMessageStartingWith("reward function prompted failed: ")
        .withMessageContaining("no model")
        .satisfies(failure -> assertThat(failure.getCause()).hasMessage("no model"));
  }

  @Test
  void score_interrupted_keepsTheInterrupt() {
    assertThatExceptionOfType(RewardException.class)
        .isThrownBy(() -> prompted().score("interrupted", IMAGE));

    assertThat(Thread.interrupted()).isTrue();
  }

  @Test
  void checkPrompt_oneFunctionRefuses_isRefused() {
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> RewardFunctions.of(Map.of("red", 1.0, "prompted", 1.0)).checkPrompt(" "))
        .withMessageStartingWith("prompt: blank");
  }

  @ParameterizedTest
  @CsvSource({"ocrr, ocr", "jpegCompresibility, jpegCompressibility", "promted, prompted"})
  void of_misspeltName_suggestsTheNearest(String name, String nearest) {
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> RewardFunctions.of(Map.of(name, 1.0)))
        .withMessageStartingWith("reward function: " + name + " (expected: one of jpegCompress")
        .withMessageEndingWith("did you mean " + nearest + "?");
  }

  @Test
  void of_nameUnlikeAny_suggestsNone() {
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> RewardFunctions.of(Map.of("aesthetic", 1.0)))
        .withMessageEndingWith("red)");
  }

  @Test
  void of_noFunctionOrNoWeight_isAnError() {
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> RewardFunctions.of(Map.of()))
        .withMessageContaining("at least one of");
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> RewardFunctions.of(Map.of("red", Double.NaN)))
        .withMessageContaining("weight of reward function red: NaN");
  }

  @Test
  void of_others_countBesideThoseOfTheClassPath() throws Exception {
    Map<String, Double> named = Map.of("red", 0.5);
    Map<RewardFunction, Double> others = new LinkedHashMap<>();
    others.put(new Constant("four", 4, new AtomicInteger()), 2.0);
    others.put(new Constant("silent", 9, new AtomicInteger()), 0.0);
    RewardFunctions functions = RewardFunctions.of(named, others);

    Reward reward = functions.score("3", IMAGE);

    assertThat(reward.total()).isEqualTo(0.5 * 10 + 2 * 4);
    assertThat(reward.parts())
        .containsExactly(Map.entry("red", 10.0), Map.entry("four", 4.0), Map.entry("silent", 9.0));
    assertThat(functions.weights()).isEqualTo(Map.of("red", 0.5, "four", 2.0, "silent", 0.0));
  }

  @Test
  void of_othersAlone_areEnoughAndClosedOnce() {
    AtomicInteger closed = new AtomicInteger();
    RewardFunctions functions =
        RewardFunctions.of(Map.of(), Map.of(new Constant("four", 4, closed), 1.0));

    functions.checkPrompt("anything");
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> functions.checkPrompt("five"))
        .withMessage("prompt: five (expected: four)");
    assertThat(closed).hasValue(0);
    functions.close();
    assertThat(closed).hasValue(1);
  }

  @Test
  void of_twoOfOneName_areRefused() {
    Constant red = new Constant("red", 1, new AtomicInteger());
    Constant other = new Constant("red", 2, new AtomicInteger());

    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> RewardFunctions.of(Map.of("red", 1.0), Map.of(red, 1.0)))
        .withMessage("reward function red: two of that name (expected: one)");
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> RewardFunctions.of(Map.of(), Map.of(red, 1.0, other, 1.0)))
        .withMessage("reward function red: two of that name (expected: one)");
  }

  @Test
  void of_otherWithoutAWeight_isAnError() {
    Constant four = new Constant("four", 4, new AtomicInteger());

    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> RewardFunctions.of(Map.of(), Map.of(four, Double.POSITIVE_INFINITY)))
        .withMessage("weight of reward function four: Infinity (expected: a finite number)");
  }

  @Test
  void close_oneFunctionThrows_closesTheOthers() {
    AtomicInteger closed = new AtomicInteger();
    Map<RewardFunction, Double> others = new LinkedHashMap<>();
    others.put(new Constant("unclosable", 1, closed), 1.0);
    others.put(new Constant("four", 4, closed), 1.0);

    assertThatExceptionOfType(IllegalStateException.class)
        .isThrownBy(() -> RewardFunctions.of(Map.of(), others).close())
        .withMessage("unclosable");
    assertThat(closed).hasValue(2);
  }

  /** Knows one score; refuses the prompt {@code five}. */
  private record Constant(String name, double value, AtomicInteger closed)
      implements RewardFunction {

    @Override
    public double score(String prompt, RgbImage image) {
      return value;
    }

    @Override
    public void checkPrompt(String prompt) {
      if (prompt.equals("five")) {
        throw new IllegalArgumentException("prompt: five (expected: four)");
      }
    }

    @Override
    public void close() {
      closed.incrementAndGet();
      if (name.equals("unclosable")) {
        throw new IllegalStateException(name);
      }
    }
  }

  private static RewardFunctions prompted() {
    return RewardFunctions.of(Map.of("prompted", 1.0));
  }
}
