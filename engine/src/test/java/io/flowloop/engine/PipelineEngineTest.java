package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.flowloop.config.SdeType;
import io.flowloop.engine.glyph.GlyphWeights;
import io.flowloop.engine.glyph.TinyGlyph;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PipelineEngineTest {

  private static final String PROMPT = "a sign that says \"7382\"";
  private static final int K = 6;
  private static final long[] SEEDS = LongStream.range(100, 100 + K).toArray();
  private static final int LATENT = TinyGlyph.HEIGHT * TinyGlyph.WIDTH;

  private PipelineEngine engine;
  private PipelineEngine oneRowForwards;

  @BeforeAll
  void open() {
    engine = TinyGlyph.engine(64);
    oneRowForwards = TinyGlyph.engine(1);
  }

  @AfterAll
  void close() {
    engine.close();
    oneRowForwards.close();
  }

  @Test
  void generate_kSeeds_givesKSamplesOfTheRightShape() {
    List<Sample> samples = engine.generate(request(SEEDS));

    assertThat(samples).hasSize(K);
    for (int i = 0; i < K; i++) {
      Sample sample = samples.get(i);
      assertThat(sample.row()).isEqualTo(new RowSeed(i, SEEDS[i]));
      assertThat(sample.image().width()).isEqualTo(TinyGlyph.WIDTH);
      assertThat(sample.image().height()).isEqualTo(TinyGlyph.HEIGHT);
      assertThat(sample.policyVersion()).isZero();
      Trajectory trajectory = sample.trajectory();
      assertThat(trajectory.sigmas()).hasSize(6).startsWith(1f).endsWith(0f);
      assertThat(trajectory.timesteps()).hasSize(5).startsWith(1000f);
      assertThat(trajectory.latents()).hasDimensions(5, LATENT);
      assertThat(trajectory.finalLatents()).hasSize(LATENT);
      assertThat(trajectory.logProbs()).hasSize(4);
      for (float logProb : trajectory.logProbs()) {
        assertThat(logProb).isFinite().isBetween(-5f, 5f);
      }
    }
  }

  @Test
  void generate_kSeeds_decodesTheFinalLatentsToPixels() {
    Sample sample = engine.generate(request(SEEDS)).getFirst();

    float first = sample.trajectory().finalLatents()[0];
    long expected = Math.round((Math.clamp(first, -1, 1) + 1) * 127.5);
    assertThat(sample.image().channel(0, 0, 0)).isEqualTo((int) expected);
    assertThat(sample.image().channel(0, 0, 1)).isEqualTo((int) expected);
    assertThat(distinctPixels(sample.image())).isGreaterThan(50);
  }

  @Test
  void generate_oneSeed_equalsTheSingleCall() {
    List<Sample> batched = engine.generate(request(SEEDS));

    for (int i = 0; i < K; i++) {
      Sample single = engine.generate(request(SEEDS[i])).getFirst();
      assertClose(single, batched.get(i));
    }
  }

  @Test
  void generate_sameRowsPerForward_givesIdenticalSamples() {
    List<Sample> batched = oneRowForwards.generate(request(SEEDS));

    for (int i = 0; i < K; i++) {
      assertIdentical(engine.generate(request(SEEDS[i])).getFirst(), batched.get(i));
    }
  }

  @Test
  void generate_anyBatching_startsFromTheSameNoise() {
    Sample batched = engine.generate(request(SEEDS)).get(3);
    Sample single = engine.generate(request(SEEDS[3])).getFirst();

    assertThat(batched.trajectory().latents()[0])
        .isEqualTo(single.trajectory().latents()[0])
        .isEqualTo(Noise.initialLatents(SEEDS[3], LATENT));
  }

  @Test
  void generate_otherOrderOfSeeds_givesTheSameSampleForEachSeed() {
    List<Sample> forwards = engine.generate(request(SEEDS));
    long[] reversed = LongStream.range(0, K).map(i -> SEEDS[K - 1 - (int) i]).toArray();
    List<Sample> backwards = engine.generate(request(reversed));

    for (int i = 0; i < K; i++) {
      assertIdentical(forwards.get(i), backwards.get(K - 1 - i));
    }
  }

  @Test
  void generate_requestsBefore_changeNothing() {
    Sample first = engine.generate(request(SEEDS)).getFirst();
    engine.generate(RolloutRequest.of("a sign that says \"1\"", TinyGlyph.SDE, 1, 2, 3));

    assertIdentical(first, engine.generate(request(SEEDS)).getFirst());
  }

  @ParameterizedTest
  @ValueSource(doubles = {1, 3})
  void generate_severalRequests_shareAForwardAndGetTheSamplesOfEach(double guidanceScale) {
    Sampling sampling = new Sampling(5, guidanceScale, SdeType.SDE, 0.7, new SdeWindow(0, 4));
    List<RolloutRequest> requests =
        List.of(
            new RolloutRequest(PROMPT, List.of(new RowSeed(0, 11), new RowSeed(1, 12)), sampling),
            new RolloutRequest("\"5\"", List.of(new RowSeed(2, 13)), sampling),
            new RolloutRequest(
                "\"64\"", List.of(new RowSeed(3, 14), new RowSeed(4, 15)), sampling));

    List<Drawn> packed = engine.generate(requests, StepListener.NONE);

    int row = 0;
    for (int i = 0; i < requests.size(); i++) {
      List<Sample> alone = engine.generate(requests.get(i));
      for (int j = 0; j < alone.size(); j++) {
        Sample sample = packed.get(i).samples().get(j);
        assertClose(sample, alone.get(j));
        assertThat(sample.trajectory().latents()[0])
            .isEqualTo(alone.get(j).trajectory().latents()[0]);
        assertThat(sample.timings().forward()).isEqualTo(11);
        assertThat(sample.timings().rowOfForward()).isEqualTo(row++);
        assertThat(sample.timings().rowsPerForward()).isEqualTo(5);
      }
    }
  }

  @Test
  void generate_severalRequestsOfMoreRowsThanAForwardHolds_cutsThem() {
    try (PipelineEngine four = TinyGlyph.engine(4)) {
      List<Drawn> packed =
          four.generate(
              List.of(request(1, 2, 3), RolloutRequest.of("\"5\"", TinyGlyph.SDE, 4, 5, 6)),
              StepListener.NONE);

      assertThat(packed.stream().flatMap(drawn -> drawn.samples().stream()))
          .extracting(sample -> sample.timings().rowsPerForward())
          .containsExactly(4, 4, 4, 4, 2, 2);
    }
  }

  @Test
  void generate_oneOfSeveralPromptsCannotBeDrawn_failsAlone() {
    List<Drawn> drawn =
        engine.generate(
            List.of(request(1), RolloutRequest.of("no quotes", TinyGlyph.SDE, 2), request(3)),
            StepListener.NONE);

    assertThat(drawn.get(0).samples()).hasSize(1);
    assertThatThrownBy(() -> drawn.get(1).samples()).hasMessageContaining("no quotes");
    assertThat(drawn.get(2).samples()).hasSize(1);
  }

  @Test
  void generate_aSharedForwardFails_drawsEachRequestByItself() {
    CrampedPipeline cramped = new CrampedPipeline(TinyGlyph.pipeline(TinyGlyph.weights()), _ -> 3);
    cramped.failure =
        _ -> {
          throw new ai.djl.engine.EngineException("the kernel failed");
        };
    try (PipelineEngine own = new PipelineEngine(cramped, 64)) {
      List<Drawn> drawn =
          own.generate(
              List.of(request(1, 2), request(3, 4, 5), request(6, 7, 8, 9)), StepListener.NONE);

      assertIdentical(drawn.get(0).samples().getFirst(), engine.generate(request(1, 2)).getFirst());
      assertThat(drawn.get(1).samples()).hasSize(3);
      assertThatThrownBy(() -> drawn.get(2).samples())
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("the kernel failed")
          .hasMessageContaining(PROMPT);
    }
  }

  @Test
  void generate_requestsOfOtherSampling_areRefused() {
    List<RolloutRequest> requests =
        List.of(request(1), RolloutRequest.of(PROMPT, Sampling.ode(2), 2));

    assertThatThrownBy(() -> engine.generate(requests, StepListener.NONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("as that of the first request");
  }

  @Test
  void generate_listener_hearsEachStepOfEachForward() {
    List<Integer> heard = new ArrayList<>();
    try (PipelineEngine four = TinyGlyph.engine(4)) {
      var _ = four.generate(List.of(request(SEEDS)), heard::add);
    }
    assertThat(heard).containsExactly(1, 2, 3, 4, 5, 1, 2, 3, 4, 5);
  }

  @Test
  void request_noSeed_failsBeforeAnyEngineIsTouched() {
    assertThatThrownBy(() -> request())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("seeds: [] (expected: at least one)")
        .hasMessageContaining(PROMPT);
  }

  @Test
  void generate_moreRowsThanAForwardHolds_cutsTheRequest() {
    try (PipelineEngine four = TinyGlyph.engine(4)) {
      List<Sample> samples = four.generate(request(SEEDS));

      assertThat(samples)
          .extracting(sample -> sample.timings().rowsPerForward())
          .containsExactly(4, 4, 4, 4, 2, 2);
      assertThat(samples).allSatisfy(s -> assertThat(s.timings().forwards()).isEqualTo(5));
    }
  }

  @Test
  void generate_request_sharesOnePromptEmbedding() {
    List<Sample> samples = engine.generate(request(SEEDS));

    PromptEmbedding embedding = samples.getFirst().promptEmbedding();
    assertThat(samples).allSatisfy(s -> assertThat(s.promptEmbedding()).isSameAs(embedding));
    assertThat(embedding.mask())
        .containsExactly(true, true, true, true, false, false, false, false);
    assertThat(embedding.values()).hasSize(8 * TinyGlyph.CONFIG.width());
  }

  @Test
  void generate_window_storesItsStatesAndLogProbsOnly() {
    Sampling whole = TinyGlyph.SDE;
    Sampling windowed = new Sampling(5, 1, SdeType.SDE, 0.7, new SdeWindow(0, 2));
    Trajectory all =
        engine.generate(RolloutRequest.of(PROMPT, whole, SEEDS)).getFirst().trajectory();
    Trajectory two =
        engine.generate(RolloutRequest.of(PROMPT, windowed, SEEDS)).getFirst().trajectory();

    assertThat(two.latents()).isDeepEqualTo(Arrays.copyOf(all.latents(), 3));
    assertThat(two.logProbs()).isEqualTo(Arrays.copyOf(all.logProbs(), 2));
    assertThat(two.finalLatents()).isNotEqualTo(all.finalLatents());
  }

  @Test
  void generate_ode_storesNoTrajectoryAndDependsOnNoStepNoise() {
    Sample sample = engine.generate(RolloutRequest.of(PROMPT, Sampling.ode(5), SEEDS)).getFirst();
    Sampling silent = new Sampling(5, 1, SdeType.SDE, 0, SdeWindow.whole(5));
    Sample noNoise = engine.generate(RolloutRequest.of(PROMPT, silent, SEEDS)).getFirst();

    assertThat(sample.trajectory().latents()).isEmpty();
    assertThat(sample.trajectory().logProbs()).isEmpty();
    assertIdentical(sample, noNoise);
  }

  @Test
  void generate_guided_movesAwayFromTheNegativePrompt() {
    float[] plain = oneStepLatents(1);
    float[] negative = oneStepLatents(0);
    float[] guided = oneStepLatents(3);

    for (int i = 0; i < LATENT; i++) {
      assertThat(guided[i]).isCloseTo(negative[i] + 3 * (plain[i] - negative[i]), within(1e-4f));
    }
    assertThat(guided).isNotEqualTo(plain);
  }

  private float[] oneStepLatents(double guidanceScale) {
    Sampling sampling = new Sampling(1, guidanceScale, SdeType.ODE, 0, SdeWindow.NONE);
    RolloutRequest request = RolloutRequest.of(PROMPT, sampling, SEEDS);
    return engine.generate(request).getFirst().trajectory().finalLatents();
  }

  @Test
  void generate_otherPrompt_drawsAnotherSample() {
    Sample sample = engine.generate(request(SEEDS[0])).getFirst();
    Sample other =
        engine.generate(RolloutRequest.of("\"0000\"", TinyGlyph.SDE, SEEDS[0])).getFirst();

    assertThat(other.trajectory().finalLatents()).isNotEqualTo(sample.trajectory().finalLatents());
  }

  @Test
  void generate_twoHundredRequests_leavesNoTensorBehind() {
    engine.generate(request(SEEDS));
    int before = engine.liveTensors();
    Sampling guided = new Sampling(3, 2, SdeType.CPS, 0.5, new SdeWindow(1, 1));
    for (int i = 0; i < 100; i++) {
      engine.generate(RolloutRequest.of(PROMPT, Sampling.ode(2), i, i + 1));
      engine.generate(RolloutRequest.of(PROMPT, guided, i));
    }
    // Each kernel that was not used before keeps one marker.
    engine.generate(RolloutRequest.of(PROMPT, guided, 1));
    assertThat(engine.liveTensors()).isBetween(before, before + 2);
  }

  @Test
  void generate_failingRequests_leaveNoTensorBehind() {
    engine.generate(request(SEEDS));
    int before = engine.liveTensors();
    for (int i = 0; i < 10; i++) {
      assertThatThrownBy(() -> engine.generate(RolloutRequest.of("no quotes", TinyGlyph.SDE, 1)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("prompt 'no quotes': no text between double quotes");
    }
    assertThat(engine.liveTensors()).isEqualTo(before);
  }

  @Test
  void generate_weightsNotFinite_namesRowAndDevice() {
    GlyphWeights broken = TinyGlyph.weights();
    Arrays.fill(broken.tensors().get("output.proj.bias"), Float.NaN);
    try (PipelineEngine nan = TinyGlyph.engine(broken, 64)) {
      assertThatThrownBy(() -> nan.generate(request(SEEDS)))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("row 0, seed 100 on cpu: NaN (expected: finite numbers)");
    }
  }

  @Test
  void generate_interruptedThread_failsOnceAndClearsTheFlag() {
    Sample before = engine.generate(request(SEEDS)).getFirst();
    int tensors = engine.liveTensors();
    Thread.currentThread().interrupt();

    assertThatThrownBy(() -> engine.generate(request(SEEDS)))
        .isInstanceOf(EngineException.class)
        .hasMessage("interrupted before denoising step 0 of 5");
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
    assertThat(engine.liveTensors()).isEqualTo(tensors);
    assertIdentical(engine.generate(request(SEEDS)).getFirst(), before);
  }

  @Test
  void load_newWeights_drawsOtherSamplesWithTheirVersion() {
    try (PipelineEngine other = TinyGlyph.engine(64)) {
      Sample before = other.generate(request(SEEDS)).getFirst();
      PolicyWeights weights = PolicyWeights.of(7, Map.of("output.proj.bias", bias(64)));

      assertThat(other.load(weights)).isEqualTo(weights.checksum());

      assertThat(other.policyVersion()).isEqualTo(7);
      assertThat(other.generate(request(SEEDS)))
          .allSatisfy(sample -> assertThat(sample.policyVersion()).isEqualTo(7));
      assertThat(other.generate(request(SEEDS)).getFirst().trajectory().finalLatents())
          .isNotEqualTo(before.trajectory().finalLatents());
    }
  }

  @Test
  void load_weightsOfAnotherModel_changesNothing() {
    Sample before = engine.generate(request(SEEDS)).getFirst();
    PolicyWeights unknown =
        PolicyWeights.of(7, Map.of("output.proj.bias", bias(64), "output.proj.other", bias(64)));
    PolicyWeights larger =
        PolicyWeights.of(7, Map.of("image_embed.bias", bias(16), "output.proj.bias", bias(65)));

    assertThatThrownBy(() -> engine.load(unknown))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("tensor output.proj.other (expected: one of the model's");
    assertThatThrownBy(() -> engine.load(larger))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("tensor output.proj.bias of shape [65] (expected: [64])");
    assertThat(engine.policyVersion()).isZero();
    assertIdentical(engine.generate(request(SEEDS)).getFirst(), before);
  }

  private static HostTensor bias(int size) {
    float[] values = new float[size];
    Arrays.fill(values, 0.5f);
    return new HostTensor(List.of((long) size), values);
  }

  @Test
  void create_noRowPerForward_isRefused() {
    assertThatThrownBy(() -> TinyGlyph.engine(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxRowsPerForward: 0 (expected: 1 or more)");
  }

  private static RolloutRequest request(long... seeds) {
    return RolloutRequest.of(PROMPT, TinyGlyph.SDE, seeds);
  }

  private static void assertClose(Sample actual, Sample expected) {
    assertThat(actual.trajectory().finalLatents())
        .containsExactly(expected.trajectory().finalLatents(), within(1e-4f));
    assertThat(actual.trajectory().logProbs())
        .containsExactly(expected.trajectory().logProbs(), within(1e-4f));
    byte[] pixels = actual.image().rgb();
    for (int i = 0; i < pixels.length; i++) {
      int difference =
          Byte.toUnsignedInt(pixels[i]) - Byte.toUnsignedInt(expected.image().rgb()[i]);
      assertThat(Math.abs(difference)).isLessThanOrEqualTo(1);
    }
  }

  private static void assertIdentical(Sample actual, Sample expected) {
    assertThat(actual.row().seed()).isEqualTo(expected.row().seed());
    assertThat(actual.image().rgb()).isEqualTo(expected.image().rgb());
    assertThat(actual.trajectory().latents()).isDeepEqualTo(expected.trajectory().latents());
    assertThat(actual.trajectory().finalLatents()).isEqualTo(expected.trajectory().finalLatents());
    assertThat(actual.trajectory().logProbs()).isEqualTo(expected.trajectory().logProbs());
  }

  private static long distinctPixels(RgbImage image) {
    List<Byte> pixels = new ArrayList<>();
    for (byte pixel : image.rgb()) {
      pixels.add(pixel);
    }
    return pixels.stream().distinct().count();
  }
}
