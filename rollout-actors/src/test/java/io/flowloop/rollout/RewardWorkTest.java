package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.RgbImage;
import io.flowloop.reward.RewardFunction;
import io.flowloop.reward.RewardFunctions;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RewardWorkTest {

  private static final Duration TIMEOUT = Duration.ofSeconds(10);

  /** Knows one prompt. */
  private record Picky() implements RewardFunction {

    @Override
    public String name() {
      return "picky";
    }

    @Override
    public void checkPrompt(String prompt) {
      if (!prompt.equals("a cat")) {
        throw new IllegalArgumentException("prompt: %s (expected: a cat)".formatted(prompt));
      }
    }

    @Override
    public double score(String prompt, RgbImage image) {
      return 1;
    }
  }

  @Test
  void of_functionsThatComeWithFlowloop_scoreTheirCanary() throws Exception {
    Map<String, Double> weights =
        Map.of("ocr", 1.0, "jpegCompressibility", 0.5, "jpegIncompressibility", 0.0);
    try (RewardFunctions functions = RewardFunctions.of(weights)) {
      RewardWork work = RewardWork.of(functions, 2, TIMEOUT);

      RewardPool.Image canary = work.canary().orElseThrow();
      assertThat(work.scorer().score(canary.prompt(), canary.pixels()).parts())
          .containsOnlyKeys(weights.keySet())
          .containsEntry("ocr", 0.0);
      assertThat(work.identity()).isEqualTo(functions.identity());
    }
  }

  @Test
  void of_functionThatRefusesThePrompt_hasNoCanary() {
    RewardFunctions functions = RewardFunctions.of(Map.of("ocr", 1.0), Map.of(new Picky(), 1.0));

    assertThat(RewardWork.of(functions, 2, TIMEOUT).canary()).isEmpty();
  }
}
