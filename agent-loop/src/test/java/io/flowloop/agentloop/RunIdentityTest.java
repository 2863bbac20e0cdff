package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.LearnerState;
import io.flowloop.engine.PolicyWeights;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RunIdentityTest {

  private static SequencedMap<String, String> of(String... settings) {
    return RunIdentity.of(
        ConfigLoader.load(ConfigSources.of(settings), FlowLoop.knownNames()).config());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "data.prompts=classpath:glyph/heldout.txt",
        "data.promptsPerStep=4",
        "data.shuffleSeed=1",
        "model.imageWidth=64",
        "rollout.n=8",
        "rollout.seed=7",
        "rollout.enableBatchedDiffusion=false",
        "rollout.maxRowsPerForward=4",
        "rollout.packGroups=2",
        "sampler.noiseLevel=0.5",
        "sampler.sdeWindowSize=1",
        "reward.functions.ocr.weight=2",
        "reward.functions.jpegCompressibility.weight=1",
        "reward.onFailure=dropGroup",
        "advantage.scale=groupStd",
        "update.optimizer.learningRate=1e-3",
        "update.miniBatch=32",
        "update.ema.decay=0.5",
        "trainer.refillGroups=1"
      })
  void of_settingThatDecidesTheBits_isInIt(String setting) {
    assertThat(of(setting)).isNotEqualTo(of());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "data.validationPrompts=classpath:glyph/train.txt",
        "model.device=cpu",
        "model.threads=1",
        "rollout.engines=2",
        "rollout.workers=3",
        "rollout.requestTimeout=1 h",
        "reward.concurrency=4",
        "reward.timeout=1 h",
        "update.activationCheckpointing=true",
        "trainer.validateEvery=3",
        "trainer.saveEvery=3",
        "trainer.journal=true",
        "trainer.keep=9",
        "trainer.dir=elsewhere",
        "validation.n=1",
        "output.dir=elsewhere",
        "pretrain.seed=2"
      })
  void of_settingThatDoesNot_isNotInIt(String setting) {
    assertThat(of(setting)).isEqualTo(of());
  }

  @Test
  void of_serverThatReads_isInItByItsModelAndNotByHowItIsAsked() {
    String[] used = {
      "reward.functions.vlmOcr.weight=1",
      "reward.functions.vlmOcr.url=http://gpu-1:8000/v1",
      "reward.functions.vlmOcr.model=a"
    };
    assertThat(of(used))
        .isEqualTo(
            of(
                used[0],
                "reward.functions.vlmOcr.url=http://gpu-2:8000/v1",
                used[2],
                "reward.functions.vlmOcr.apiKeyEnv=KEY",
                "reward.functions.vlmOcr.maxTokens=9",
                "reward.functions.vlmOcr.timeout=1 s",
                "reward.functions.vlmOcr.retries=9",
                "reward.functions.vlmOcr.concurrency=9",
                "reward.functions.vlmOcr.breaker.failures=9",
                "reward.functions.vlmOcr.breaker.pause=9 s"))
        .isNotEqualTo(of(used[0], used[1], "reward.functions.vlmOcr.model=b"))
        .isNotEqualTo(of());
  }

  @Test
  void of_stepsOfTheRun_areInItWhereTheRateDecaysOverThem() {
    assertThat(of("trainer.steps=9", "update.optimizer.decay=constant"))
        .isEqualTo(of("trainer.steps=10", "update.optimizer.decay=constant"))
        .doesNotContainKey("trainer.steps");
    assertThat(of("trainer.steps=9", "update.optimizer.decay=cosine"))
        .containsEntry("trainer.steps", "9");
  }

  @Test
  void changedSetting_isNamedByTheCheckpoint() {
    Checkpoint checkpoint =
        new Checkpoint(
            1,
            8,
            Optional.empty(),
            of(),
            new TreeMap<>(),
            PolicyWeights.of(1, Map.of()),
            new LearnerState(
                1, 1, 0, new TreeMap<>(), new TreeMap<>(), new TreeMap<>(), new TreeMap<>()));

    checkpoint.requireSameRun(Path.of("step-000001"), of("rollout.engines=2"));
    assertThatThrownBy(
            () -> checkpoint.requireSameRun(Path.of("step-000001"), of("rollout.seed=7")))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("1 setting differs")
        .hasMessageContaining("rollout.seed: 7 (expected: 42)");
  }
}
