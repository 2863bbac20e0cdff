package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.HostTensor;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RgbImage;
import io.flowloop.reward.RewardFunction;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.ToyEngines;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rollouts of the embedding API, and what a program can put in. */
class FlowLoopTest {

  @TempDir private Path dir;

  private TinyLoop tiny;

  @BeforeEach
  void tiny() {
    tiny = new TinyLoop(dir);
  }

  @Test
  void rollout_batchedOrNot_drawsTheSameUpToRounding() {
    List<RewardedSample> batched = samples();
    List<RewardedSample> single = samples("rollout.enableBatchedDiffusion=false");

    assertThat(batched).hasSize(TinyLoop.ROWS);
    assertThat(batched).extracting(s -> s.sample().timings().rowsPerForward()).containsOnly(4);
    assertThat(single).extracting(s -> s.sample().timings().rowsPerForward()).containsOnly(1);
    for (int i = 0; i < TinyLoop.ROWS; i++) {
      assertThat(latents(single.get(i))).containsExactly(latents(batched.get(i)), within(1e-4f));
    }
  }

  @Test
  void rollout_oneRowAForward_batchedOrNotIsIdentical() {
    List<RewardedSample> batched = samples("rollout.maxRowsPerForward=1");
    List<RewardedSample> single =
        samples("rollout.maxRowsPerForward=1", "rollout.enableBatchedDiffusion=false");

    for (int i = 0; i < TinyLoop.ROWS; i++) {
      assertThat(latents(single.get(i))).isEqualTo(latents(batched.get(i)));
      assertThat(single.get(i).reward()).isEqualTo(batched.get(i).reward());
    }
  }

  @Test
  void rollout_promptThatTheModelCannotDraw_isRefusedAndNothingDrawn() {
    AtomicInteger heard = new AtomicInteger();
    RolloutListener listener =
        new RolloutListener() {
          @Override
          public void onSample(RewardedSample sample, int done, int rows) {
            heard.incrementAndGet();
          }
        };
    try (FlowLoop loop = tiny.glyph().build()) {
      assertThatThrownBy(() -> loop.rollout(List.of("a \"1\"", "a cat"), 0, listener))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll("a cat", "digits");
      assertThatThrownBy(() -> loop.rollout(List.of()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("prompts: [] (expected: at least one)");
      assertThatThrownBy(() -> loop.rollout(TinyLoop.PROMPTS, -1, listener))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("step -1");
    }
    assertThat(heard).hasValue(0);
  }

  @Test
  void rollout_ownEngines_takeEveryPromptUnlessOwnCheckRefuses() {
    try (FlowLoop loop = tiny.toy().build()) {
      assertThat(loop.rollout(List.of("a cat")).samples()).hasSize(TinyLoop.N);
    }
    FlowLoop.Builder strict =
        tiny.toy()
            .promptCheck(
                prompt -> {
                  throw new IllegalArgumentException(prompt + " is no dog");
                });
    try (FlowLoop loop = strict.build()) {
      assertThatThrownBy(() -> loop.rollout(List.of("a cat"))).hasMessage("a cat is no dog");
    }
    assertThat(tiny.learner.updates()).isEmpty();
  }

  @Test
  void rolloutAsync_failsWithItsOwnException() {
    tiny.engines.before(
        _ -> {
          throw new EngineException("out of memory");
        });
    try (FlowLoop loop = tiny.toy().build()) {
      assertThatThrownBy(
              () ->
                  loop.rolloutAsync(List.of("a \"12\""), 3, RolloutListener.NONE)
                      .toCompletableFuture()
                      .join())
          .isInstanceOf(CompletionException.class)
          .cause()
          .isInstanceOf(RolloutException.class)
          .hasMessage(
              "step 3: rows 0 to 3, prompt 'a \"12\"': 3 attempts failed, the last on engine 0: out"
                  + " of memory");
    }
  }

  @Test
  void rollout_interrupted_endsItAndKeepsTheInterrupt() {
    tiny.engines.before(_ -> ToyEngines.awaitInterrupt());
    try (FlowLoop loop = tiny.toy().build()) {
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> loop.rollout(TinyLoop.PROMPTS))
          .isInstanceOf(RolloutException.class)
          .hasMessage("step 0: interrupted");
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  @Test
  void close_freesEverythingAndRefusesWhatComesLater() {
    AtomicInteger closed = new AtomicInteger();
    RewardFunction function =
        new RewardFunction() {
          @Override
          public String name() {
            return "closing";
          }

          @Override
          public double score(String prompt, RgbImage image) {
            return 1;
          }

          @Override
          public void close() {
            closed.incrementAndGet();
          }
        };
    FlowLoop loop = tiny.toy(Map.of(function, 1.0)).build();
    var _ = loop.rollout(TinyLoop.PROMPTS);
    loop.close();
    loop.close();

    assertThat(closed).hasValue(1);
    assertThat(tiny.engines.open()).isZero();
    for (Runnable late :
        List.<Runnable>of(
            () -> loop.rollout(TinyLoop.PROMPTS),
            loop::train,
            loop::resume,
            () -> loop.setPolicy(ToyEngines.weights(1)))) {
      assertThatThrownBy(late::run)
          .isInstanceOf(RolloutException.class)
          .hasMessage("the loop is closed");
    }
    assertThat(tiny.run()).doesNotExist();
  }

  @Test
  void setPolicy_samplesCarryItsVersionAndShowItsWeights() {
    try (FlowLoop loop = tiny.glyph().build()) {
      float[] before = latents(loop.rollout(TinyLoop.PROMPTS).samples().getFirst());
      loop.setPolicy(PolicyWeights.of(7, shifted(tiny.tensors(), 0.5f)));
      RewardedSample changed = loop.rollout(TinyLoop.PROMPTS).samples().getFirst();
      loop.setPolicy(PolicyWeights.of(8, tiny.tensors()));
      RewardedSample back = loop.rollout(TinyLoop.PROMPTS).samples().getFirst();

      assertThat(changed.sample().policyVersion()).isEqualTo(7);
      assertThat(latents(changed)).isNotEqualTo(before);
      assertThat(back.sample().policyVersion()).isEqualTo(8);
      assertThat(latents(back)).isEqualTo(before);
    }
  }

  @Test
  void setPolicy_anotherModelsTensors_areRefusedAndTheEnginesDrawOn() {
    SortedMap<String, HostTensor> misshapen = tiny.tensors();
    misshapen.put("output.proj.bias", new HostTensor(List.of(2L), new float[2]));
    try (FlowLoop loop = tiny.glyph("rollout.engines=2").build()) {
      List<RewardedSample> before = loop.rollout(TinyLoop.PROMPTS).samples();
      assertThatThrownBy(() -> loop.setPolicy(ToyEngines.weights(1)))
          .isInstanceOf(RolloutException.class)
          .hasMessageMatching(
              "weight sync: engine . refused policy version 1: policy weights: tensor w"
                  + " \\(expected: one of the model's \\d+\\); these are of another model");
      assertThatThrownBy(() -> loop.setPolicy(PolicyWeights.of(1, misshapen)))
          .hasMessageContaining("tensor output.proj.bias of shape [2] (expected: [64])");

      List<RewardedSample> after = loop.rollout(TinyLoop.PROMPTS).samples();
      assertThat(after).extracting(s -> s.sample().policyVersion()).containsOnly(0L);
      assertThat(latents(after.getLast())).isEqualTo(latents(before.getLast()));
    }
  }

  @Test
  void setPolicy_checksumOfOtherTensors_isRefusedBeforeAnEngineHearsOfIt() {
    PolicyWeights torn = new PolicyWeights(1, new TreeMap<>(tiny.tensors()), 0xbad);
    try (FlowLoop loop = tiny.toy().build()) {
      assertThatThrownBy(() -> loop.setPolicy(torn))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("checksum of policy version 1: 00000bad (expected: ");
      assertThat(tiny.engines.loaded()).isEmpty();
      assertThat(loop.rollout(TinyLoop.PROMPTS).samples()).hasSize(TinyLoop.ROWS);
    }
  }

  @Test
  void trainerOfOnesOwn_drawsLearnsAndHandsIn() {
    SortedMap<String, HostTensor> own = tiny.tensors();
    double first = 0;
    double last = 0;
    try (FlowLoop loop = tiny.glyph().build()) {
      for (int step = 0; step < 5; step++) {
        RolloutBatch batch = loop.rollout(TinyLoop.PROMPTS, 0, RolloutListener.NONE);
        last = RewardStats.of(batch.samples()).mean();
        first = step == 0 ? last : first;
        assertThat(batch.samples())
            .extracting(sample -> sample.sample().policyVersion())
            .containsOnly((long) step);
        // Velocity is noise minus image: less of it is a brighter image.
        own = shifted(own, -0.1f);
        loop.setPolicy(PolicyWeights.of(step + 1, own));
      }
    }
    assertThat(Math.abs(last - first)).isGreaterThan(0.05);
  }

  @Test
  void rewardFunction_besideThoseOfTheSettings_countsByItsWeight() {
    try (FlowLoop loop =
        FlowLoop.builder(tiny.config("reward.functions.jpegIncompressibility.weight=2"))
            .engines(tiny.engines)
            .rewardFunction(new TinyLoop.Measure("one", (_, _) -> 1.0), 10)
            .promptCheck(_ -> {})
            .build()) {
      RewardedSample sample = loop.rollout(TinyLoop.PROMPTS).samples().getFirst();
      Map<String, Double> parts = sample.reward().parts();
      assertThat(parts).containsOnlyKeys("jpegIncompressibility", "ocr", "one");
      assertThat(sample.reward().total())
          .isCloseTo(
              10
                  + 2 * parts.getOrDefault("jpegIncompressibility", Double.NaN)
                  + parts.getOrDefault("ocr", Double.NaN),
              within(1e-9));
    }
  }

  @Test
  void ownRewardsOnly_leavesOutThoseOfTheSettings() {
    try (FlowLoop loop = tiny.toy().build()) {
      assertThat(loop.rollout(TinyLoop.PROMPTS).samples())
          .allSatisfy(s -> assertThat(s.reward().parts()).containsOnlyKeys("brightness"));
    }
    assertThatThrownBy(() -> tiny.toy(Map.of()).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("reward functions: none");
  }

  @Test
  void rewardFunction_twiceOrOfANameTwice_isRefused() {
    TinyLoop.Measure brightness = TinyLoop.brightness();
    TinyLoop.Measure other = new TinyLoop.Measure("brightness", (_, _) -> 1.0);
    FlowLoop.Builder builder = FlowLoop.builder(tiny.config()).rewardFunction(brightness, 1);

    assertThatThrownBy(() -> builder.rewardFunction(brightness, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("reward function brightness: added twice (expected: once)");
    assertThatThrownBy(() -> builder.rewardFunction(other, 1).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("reward function brightness: two of that name (expected: one)");
  }

  @Test
  void agentLoop_ofOnesOwn_givesTheEnginesTextAndSamplesTheirFields() {
    AgentLoop shouting =
        new AgentLoop() {
          @Override
          public String name() {
            return "shouting";
          }

          @Override
          public String engineText(String prompt) {
            return prompt + "!";
          }

          @Override
          public Map<String, String> extraFields(RewardedSample sample) {
            return Map.of("loudness", "row " + sample.row().index());
          }
        };
    TinyLoop.Measure asked =
        new TinyLoop.Measure("asked", (prompt, _) -> prompt.endsWith("!") ? 0.0 : 1.0);
    try (FlowLoop loop = tiny.toy(Map.of(asked, 1.0)).agentLoop(shouting).build()) {
      List<RewardedSample> samples = loop.rollout(TinyLoop.PROMPTS).samples();

      assertThat(tiny.engines.drawn())
          .extracting(drawn -> drawn.request().prompt())
          .containsExactlyInAnyOrder("a \"12\"!", "b \"7\"!");
      assertThat(samples).extracting(s -> s.reward().total()).containsOnly(1.0);
      assertThat(samples.getLast().extraFields()).isEqualTo(Map.of("loudness", "row 7"));
    }
  }

  @Test
  void build_unknownModel_isRefusedUnlessEnginesAreOnesOwn() {
    FlowLoop.Builder flux =
        FlowLoop.builder(TinyLoop.ofModel(tiny.config(), "flux"))
            .ownRewardsOnly()
            .rewardFunction(TinyLoop.brightness(), 1);

    assertThatThrownBy(flux::build)
        .isInstanceOf(EngineException.class)
        .hasMessage("model.name: flux (expected: glyph or qwen-image)");
    try (FlowLoop loop = flux.engines(tiny.engines).build()) {
      assertThatCode(() -> loop.rollout(List.of("a cat"))).doesNotThrowAnyException();
    }
  }

  @Test
  void close_fromAnotherThread_endsARollout() throws InterruptedException {
    CountDownLatch begun = new CountDownLatch(1);
    tiny.engines.before(
        _ -> {
          begun.countDown();
          ToyEngines.awaitInterrupt();
        });
    FlowLoop loop = tiny.toy().build();
    Thread closer =
        Thread.ofPlatform()
            .start(
                () -> {
                  ToyEngines.await(begun);
                  loop.close();
                });
    assertThatThrownBy(() -> loop.rollout(TinyLoop.PROMPTS)).isInstanceOf(RolloutException.class);
    closer.join();
    assertThat(tiny.engines.open()).isZero();
  }

  @Test
  void knownNames_holdWhatIsOnTheClassPath() {
    assertThat(FlowLoop.knownNames().rewardFunctions()).contains("ocr", "jpegCompressibility");
    assertThat(FlowLoop.knownNames().agentLoops()).containsExactly("diffusionSingleTurn");
    assertThat(FlowLoop.knownNames().models()).containsExactlyInAnyOrder("glyph", "qwen-image");
  }

  private List<RewardedSample> samples(String... settings) {
    try (FlowLoop loop = tiny.glyph(settings).build()) {
      return loop.rollout(TinyLoop.PROMPTS).samples();
    }
  }

  private static float[] latents(RewardedSample sample) {
    return sample.sample().trajectory().finalLatents();
  }

  /** Velocities that are higher by so much everywhere. */
  private static SortedMap<String, HostTensor> shifted(
      SortedMap<String, HostTensor> tensors, float difference) {
    SortedMap<String, HostTensor> shifted = new TreeMap<>(tensors);
    shifted.computeIfPresent(
        "output.proj.bias",
        (_, bias) -> {
          float[] values = Arrays.copyOf(bias.values(), bias.values().length);
          for (int i = 0; i < values.length; i++) {
            values[i] += difference;
          }
          return new HostTensor(bias.shape(), values);
        });
    return shifted;
  }
}
