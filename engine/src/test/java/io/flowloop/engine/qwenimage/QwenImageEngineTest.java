package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.flowloop.config.Dtype;
import io.flowloop.config.ModelConfig;
import io.flowloop.config.SdeType;
import io.flowloop.engine.Drawn;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.HostTensor;
import io.flowloop.engine.Noise;
import io.flowloop.engine.PipelineEngine;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.SafetensorsDtype;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.SdeWindow;
import io.flowloop.engine.StepListener;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class QwenImageEngineTest {

  private static final String PROMPT = "a sign that says \"7382\"";
  private static final String SAME_LENGTH = "a sign that says \"1904\"";
  private static final String LONGER = "a large red banner reading \"HELLO WORLD\" on a wall";
  private static final int STEPS = 3;
  private static final int CHANNELS = 16;
  private static final int LATENT = 64 * CHANNELS;

  private PipelineEngine engine;

  @BeforeAll
  void open() {
    engine = TinyQwenImage.engine(TinyQwenImage.model(Dtype.FLOAT32), 16);
  }

  @AfterAll
  void close() {
    engine.close();
  }

  private static Sampling sampling(double guidanceScale) {
    return new Sampling(STEPS, guidanceScale, SdeType.SDE, 0.7, new SdeWindow(0, 2));
  }

  private static RolloutRequest request(String prompt, double guidanceScale, long... seeds) {
    return RolloutRequest.of(prompt, sampling(guidanceScale), seeds);
  }

  private static long[] seeds(long first, int count) {
    return LongStream.range(first, first + count).toArray();
  }

  private static List<Sample> all(List<Drawn> drawn) {
    return drawn.stream().flatMap(one -> one.samples().stream()).toList();
  }

  /** The largest difference of latents or log-probs. */
  private static double distance(Sample actual, Sample expected) {
    double distance =
        distance(actual.trajectory().finalLatents(), expected.trajectory().finalLatents());
    for (int i = 0; i < actual.trajectory().latents().length; i++) {
      distance =
          Math.max(
              distance,
              distance(actual.trajectory().latents()[i], expected.trajectory().latents()[i]));
    }
    return Math.max(
        distance, distance(actual.trajectory().logProbs(), expected.trajectory().logProbs()));
  }

  private static double distance(float[] actual, float[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    double distance = 0;
    for (int i = 0; i < actual.length; i++) {
      double difference = Math.abs((double) actual[i] - expected[i]);
      // NaN is no small distance.
      distance = difference <= distance ? distance : difference;
    }
    return distance;
  }

  private static void assertIdentical(Sample actual, Sample expected) {
    assertThat(actual.row().seed()).isEqualTo(expected.row().seed());
    assertThat(actual.image().rgb()).isEqualTo(expected.image().rgb());
    assertThat(actual.trajectory().latents()).isDeepEqualTo(expected.trajectory().latents());
    assertThat(actual.trajectory().finalLatents()).isEqualTo(expected.trajectory().finalLatents());
    assertThat(actual.trajectory().logProbs()).isEqualTo(expected.trajectory().logProbs());
  }

  @ParameterizedTest
  @ValueSource(doubles = {1, 4})
  void generate_groupsInPacks_equalTheSingleCalls(double guidance) {
    List<RolloutRequest> requests =
        List.of(
            request(PROMPT, guidance, seeds(1, 4)),
            request(LONGER, guidance, seeds(5, 2)),
            request(SAME_LENGTH, guidance, 7),
            request(" ", guidance, 8));

    List<Sample> packed = all(engine.generate(requests, StepListener.NONE));

    assertThat(packed)
        .extracting(sample -> sample.timings().rowsPerForward())
        .containsExactly(5, 5, 5, 5, 2, 2, 5, 1);
    int row = 0;
    double largest = 0;
    for (RolloutRequest request : requests) {
      for (RowSeed seed : request.seeds()) {
        Sample single =
            engine.generate(request(request.prompt(), guidance, seed.seed())).getFirst();
        largest = Math.max(largest, distance(packed.get(row++), single));
      }
    }
    assertThat(largest).isLessThan(1e-4);
  }

  @ParameterizedTest
  @ValueSource(doubles = {1, 4})
  void generate_sameRowsPerForward_givesIdenticalSamples(double guidance) {
    try (PipelineEngine two = TinyQwenImage.engine(TinyQwenImage.model(Dtype.FLOAT32), 2)) {
      List<Sample> batched = two.generate(request(LONGER, guidance, seeds(1, 4)));

      for (int i = 0; i < 4; i += 2) {
        List<Sample> pair = engine.generate(request(LONGER, guidance, seeds(1 + i, 2)));
        assertIdentical(batched.get(i), pair.get(0));
        assertIdentical(batched.get(i + 1), pair.get(1));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {1, 4})
  void generate_otherRowsAround_changeNothing(double guidance) {
    List<Sample> samples = engine.generate(request(PROMPT, guidance, 1, 2, 3));

    List<Sample> turned = engine.generate(request(PROMPT, guidance, 9, 3, 2));
    List<Sample> packed =
        all(
            engine.generate(
                List.of(
                    request(LONGER, guidance, 4),
                    request(PROMPT, guidance, 2),
                    request(SAME_LENGTH, guidance, 3, 1)),
                StepListener.NONE));

    assertIdentical(turned.get(2), samples.get(1));
    assertIdentical(turned.get(1), samples.get(2));
    assertThat(packed.get(1).timings().rowsPerForward()).isEqualTo(3);
    assertThat(distance(packed.get(1), samples.get(1))).isLessThan(1e-4);
  }

  /** ‖c‖ of a token is that of the prompt's velocity: c·‖p‖ / ‖c‖, c = n + g·(p − n). */
  @ParameterizedTest
  @ValueSource(
      strings = {"", "blurry, low quality, out of focus, with many letters that nobody reads"})
  void generate_guided_isLedAwayFromANegativePromptOfAnyLength(String negative) {
    float[] towards = velocity(engine, PROMPT, 1);
    float[] away = velocity(engine, negative, 1);
    float[] guided;
    try (PipelineEngine led = TinyQwenImage.engine(TinyQwenImage.awayFrom(negative), 4)) {
      guided = velocity(led, PROMPT, 4);
    }

    for (int token = 0; token < LATENT; token += CHANNELS) {
      double length = 0;
      double unscaled = 0;
      for (int i = token; i < token + CHANNELS; i++) {
        length += (double) towards[i] * towards[i];
        unscaled += Math.pow(away[i] + 4.0 * (towards[i] - away[i]), 2);
      }
      for (int i = token; i < token + CHANNELS; i++) {
        double expected = (away[i] + 4.0 * (towards[i] - away[i])) * Math.sqrt(length / unscaled);
        assertThat((double) guided[i]).isCloseTo(expected, within(1e-4));
      }
    }
    assertThat(distance(guided, towards)).isGreaterThan(0.01);
  }

  /** Of the noise of a row, in one step to no noise. */
  private static float[] velocity(PipelineEngine engine, String prompt, double guidance) {
    Sampling oneStep = new Sampling(1, guidance, SdeType.ODE, 0, SdeWindow.NONE);
    float[] last =
        engine
            .generate(RolloutRequest.of(prompt, oneStep, 5, 6))
            .getFirst()
            .trajectory()
            .finalLatents();
    float[] velocity = Noise.initialLatents(5, LATENT);
    for (int i = 0; i < LATENT; i++) {
      velocity[i] -= last[i];
    }
    return velocity;
  }

  @Test
  void generate_offloaded_drawsTheSameBitsWithTheTransformerAlone() {
    ModelConfig model = TinyQwenImage.model(Dtype.FLOAT32);
    try (PipelineEngine whole = TinyQwenImage.engine(model, 4);
        PipelineEngine offloaded = TinyQwenImage.engine(model.offloaded(), 4);
        QwenImageFolder folder = QwenImageFolder.open(TinyQwenImage.folder())) {
      List<RolloutRequest> requests = List.of(request(PROMPT, 4, 1, 2), request(LONGER, 4, 3));
      // The VAE comes when it is first needed.
      whole.generate(requests, StepListener.NONE);
      offloaded.generate(requests, StepListener.NONE);
      List<Integer> withAll = new ArrayList<>();
      List<Integer> alone = new ArrayList<>();

      List<Sample> expected = all(whole.generate(requests, _ -> withAll.add(whole.liveTensors())));
      List<Sample> samples =
          all(offloaded.generate(requests, _ -> alone.add(offloaded.liveTensors())));

      for (int i = 0; i < expected.size(); i++) {
        assertIdentical(samples.get(i), expected.get(i));
      }
      int meanAndStd = 2;
      int others =
          QwenTextEncoder.layout(folder.text()).size()
              + QwenImageVae.needed(folder.vae()).size()
              + meanAndStd;
      assertThat(withAll).hasSize(2 * STEPS).hasSameSizeAs(alone);
      for (int i = 0; i < withAll.size(); i++) {
        assertThat(withAll.get(i) - alone.get(i)).isEqualTo(others);
      }
    }
  }

  @Test
  void generate_promptsThatCameBefore_areNotEncodedAgain() {
    QwenImagePipeline pipeline = QwenImagePipeline.load(TinyQwenImage.model(Dtype.FLOAT32));
    try (PipelineEngine own = new PipelineEngine(pipeline, 16)) {
      Sample first = own.generate(request(PROMPT, 4, 1)).getFirst();
      assertThat(pipeline.prompts().encoded()).isEqualTo(2);

      assertIdentical(own.generate(request(PROMPT, 4, 1)).getFirst(), first);
      assertThat(pipeline.prompts().encoded()).isEqualTo(2);
      own.generate(request(LONGER, 4, 1));
      assertThat(pipeline.prompts().encoded()).isEqualTo(3);
    }
  }

  @Test
  void generate_cacheOfNoBytes_givesTheSameBitsAndKeepsTheNegativePrompt() {
    QwenImagePipeline pipeline = QwenImagePipeline.load(TinyQwenImage.caching(0));
    try (PipelineEngine forgetful = new PipelineEngine(pipeline, 16)) {
      for (int i = 0; i < 2; i++) {
        assertIdentical(
            forgetful.generate(request(PROMPT, 4, 1)).getFirst(),
            engine.generate(request(PROMPT, 4, 1)).getFirst());
      }
      assertThat(pipeline.prompts().encoded()).isEqualTo(3);
    }
  }

  @Test
  void generate_manyRequests_leavesNoTensorBehind() {
    List<RolloutRequest> requests =
        List.of(request(PROMPT, 4, 1, 2), request(LONGER, 4, 3), request(SAME_LENGTH, 4, 4));
    for (double guidance : new double[] {1, 4}) {
      engine.generate(request(PROMPT, guidance, 1));
    }
    engine.generate(requests, StepListener.NONE);
    int before = engine.liveTensors();
    for (int i = 0; i < 5; i++) {
      engine.generate(requests, StepListener.NONE);
      engine.generate(request("number " + "1".repeat(i + 1), 1, i));
    }
    assertThat(engine.liveTensors()).isEqualTo(before);
  }

  @Test
  void generate_promptOfTooManyTokens_failsAloneAndLeavesNothing() {
    engine.generate(request(PROMPT, 1, 1));
    int before = engine.liveTensors();

    List<Drawn> drawn =
        engine.generate(
            List.of(request("many words ".repeat(600), 1, 1), request(PROMPT, 1, 2)),
            StepListener.NONE);

    assertThatThrownBy(() -> drawn.get(0).samples())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("tokens (expected: at most 1024");
    assertThat(drawn.get(1).samples()).hasSize(1);
    assertThat(engine.liveTensors()).isEqualTo(before);
  }

  @Test
  void generate_bfloat16_isNearFloat32AndStoresFloat32() {
    try (PipelineEngine half = TinyQwenImage.engine(TinyQwenImage.model(Dtype.BFLOAT16), 16)) {
      List<Sample> samples = half.generate(request(PROMPT, 4, 1, 2));
      List<Sample> exact = engine.generate(request(PROMPT, 4, 1, 2));

      for (int i = 0; i < samples.size(); i++) {
        Sample sample = samples.get(i);
        double latents =
            QwenImageVerification.error(
                sample.trajectory().finalLatents(), exact.get(i).trajectory().finalLatents());
        assertThat(latents).isBetween(1e-5, 0.05);
        assertThat(meanDifference(sample, exact.get(i))).isLessThan(4);
        for (float[] state : sample.trajectory().latents()) {
          assertThat(exactNumbers(state)).isGreaterThan(LATENT / 2);
        }
        assertThat(sample.trajectory().logProbs())
            .containsExactly(exact.get(i).trajectory().logProbs(), within(0.05f));
        assertThat(exactNumbers(sample.trajectory().logProbs())).isPositive();
      }
    }
  }

  /** How many have bits that bfloat16 lacks. */
  private static long exactNumbers(float[] values) {
    long exact = 0;
    for (float value : values) {
      exact += (Float.floatToIntBits(value) & 0xFFFF) == 0 ? 0 : 1;
    }
    return exact;
  }

  private static long distinctPixels(Sample sample) {
    byte[] pixels = sample.image().rgb();
    return IntStream.range(0, pixels.length).map(i -> pixels[i]).distinct().count();
  }

  private static double meanDifference(Sample sample, Sample other) {
    byte[] pixels = sample.image().rgb();
    double sum = 0;
    for (int i = 0; i < pixels.length; i++) {
      sum += Math.abs(Byte.toUnsignedInt(pixels[i]) - Byte.toUnsignedInt(other.image().rgb()[i]));
    }
    return sum / pixels.length;
  }

  @Test
  void decode_latentsThatAreNoNumbers_failsInsteadOfABlackImage() {
    try (QwenImagePipeline pipeline = QwenImagePipeline.load(TinyQwenImage.model(Dtype.FLOAT32))) {
      float[] latents = Noise.initialLatents(1, LATENT);
      assertThat(pipeline.imageDecoder().decode(latents).rgb()).hasSize(3 * 64 * 64);
      latents[LATENT / 2] = Float.NaN;

      assertThatThrownBy(() -> pipeline.imageDecoder().decode(latents))
          .isInstanceOf(EngineException.class)
          .hasMessage(
              "pixels of the VAE on cpu: NaN (expected: finite numbers); check its weights, or"
                  + " compute in float32 (model.dtype)");
    }
  }

  @Test
  void load_weightsOfItsOwnIntoBfloat16_isRefusedAndChangesNothing() {
    try (PipelineEngine half = TinyQwenImage.engine(TinyQwenImage.model(Dtype.BFLOAT16), 2)) {
      Sample before = half.generate(request(PROMPT, 1, 1)).getFirst();
      PolicyWeights weights =
          PolicyWeights.of(1, Map.of("img_in.bias", new HostTensor(List.of(48L), new float[48])));

      assertThatThrownBy(() -> half.load(weights))
          .isInstanceOf(EngineException.class)
          .hasMessage(
              "policy weights: 1 of the model's own, img_in.bias … (expected: adapters alone, as the"
                  + " model is kept in bfloat16, which would round them); set model.dtype=float32");
      assertIdentical(half.generate(request(PROMPT, 1, 1)).getFirst(), before);
    }
  }

  @ParameterizedTest
  @CsvSource({"F32, FLOAT32", "BF16, BFLOAT16"})
  void generate_sameModelInOtherFiles_drawsTheSameBits(
      SafetensorsDtype stored, Dtype dtype, @TempDir Path folder) throws IOException {
    RandomQwenImage model = RandomQwenImage.create();
    model.dtype = stored;
    Path single = model.write(folder.resolve("single"));
    model.shards = 3;
    Path sharded = model.newerText().write(folder.resolve("sharded"));
    try (PipelineEngine one = TinyQwenImage.engine(TinyQwenImage.model(single, dtype), 4);
        PipelineEngine other = TinyQwenImage.engine(TinyQwenImage.model(sharded, dtype), 4)) {
      List<Sample> expected = one.generate(request(PROMPT, 4, 1, 2));
      List<Sample> samples = other.generate(request(PROMPT, 4, 1, 2));

      for (int i = 0; i < samples.size(); i++) {
        assertIdentical(samples.get(i), expected.get(i));
      }
      assertThat(distinctPixels(samples.getFirst())).isGreaterThan(50);
    }
  }
}
