package io.flowloop.agentloop.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.agentloop.Engines;
import io.flowloop.agentloop.FlowLoop;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.SdeType;
import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.Noise;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.SafetensorsDtype;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.SdeWindow;
import io.flowloop.engine.glyph.GlyphConfig;
import io.flowloop.engine.glyph.GlyphWeights;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A small glyph model, one prompt of two rows, two stochastic steps of four. */
class PeerFileTest {

  private static final String PROMPT = "a sign that says \"12\"";
  private static final List<RowSeed> SEEDS = List.of(RowSeed.of(5, 0, 0), RowSeed.of(5, 0, 1));
  private static final Sampling SAMPLING =
      new Sampling(4, 1, SdeType.CPS, 0.7, new SdeWindow(1, 2));
  private static final int SIZE = 16 * 24;

  @TempDir private Path folder;
  private Path target;

  @BeforeEach
  void writeWeights() {
    GlyphWeights.random(new GlyphConfig(16, 1, 2, 8), 7).write(weights());
    target = folder.resolve("peer.safetensors");
  }

  @Test
  void write_twoRows_namesShapesAndMetadataAreThere() {
    PeerFile.write(target, config(), List.of(PROMPT));

    try (SafetensorsFile file = SafetensorsFile.open(target)) {
      assertThat(file.tensor("rollout.token_ids").shape()).containsExactly(1L, 8L);
      assertThat(file.tensor("rollout.sigmas").shape()).containsExactly(5L);
      assertThat(file.tensor("rollout.initial_latents").shape()).containsExactly(2L, 6L, 64L);
      assertThat(file.tensor("rollout.step_noise").shape()).containsExactly(2L, 2L, 6L, 64L);
      assertThat(file.tensor("rollout.final_latents").shape()).containsExactly(2L, 6L, 64L);
      assertThat(file.tensor("rollout.log_probs").shape()).containsExactly(2L, 2L);
      assertThat(file.tensor("rollout.images").shape()).containsExactly(2L, 16L, 24L, 3L);
      assertThat(file.tensor("rollout.images").dtype()).isEqualTo(SafetensorsDtype.U8);
      assertThat(file.metadata())
          .containsEntry("schemaVersion", "1")
          .containsEntry("model", "glyph")
          .containsEntry("heads", "2")
          .containsEntry("patch", "8")
          .containsEntry("model.name", "glyph")
          .containsEntry("model.imageHeight", "16")
          .containsEntry("model.imageWidth", "24")
          .containsEntry("rollout.n", "2")
          .containsEntry("sampler.sdeType", "cps")
          .containsEntry("sampler.noiseLevel", "0.7")
          .containsEntry("sampler.numInferenceSteps", "4")
          .containsEntry("sdeWindowStart", "1")
          .containsEntry("sdeWindowEnd", "3")
          .containsEntry("prompts", "[\"a sign that says \\\"12\\\"\"]")
          .containsKeys("libtorch", "threads");
    }
  }

  @Test
  void write_twoRows_hasTheirNoiseAndTheModelItself() {
    PeerFile.write(target, config(), List.of(PROMPT));

    try (SafetensorsFile file = SafetensorsFile.open(target)) {
      assertThat(file.longs("rollout.token_ids")).containsExactly(2, 3, 0, 0, 0, 0, 0, 0);
      assertThat(file.longs("rollout.seeds"))
          .containsExactly(SEEDS.get(0).seed(), SEEDS.get(1).seed());
      assertThat(row(file.floats("rollout.initial_latents"), 1))
          .isEqualTo(Noise.initialLatents(SEEDS.get(1).seed(), SIZE));
      // (W, N): the second step of the window, its first row.
      assertThat(row(file.floats("rollout.step_noise"), 2))
          .isEqualTo(Noise.stepNoise(SEEDS.get(0).seed(), 2, SIZE));
      GlyphWeights.read(weights())
          .tensors()
          .forEach((name, values) -> assertThat(file.floats(name)).isEqualTo(values));
    }
  }

  @Test
  void write_twoRows_hasWhatTheEngineDrawsForTheirSeeds() {
    PeerFile.write(target, config(), List.of(PROMPT));

    try (SafetensorsFile file = SafetensorsFile.open(target);
        DiffusionEngine engine = Engines.of(config().model(), 64).create(0)) {
      List<Sample> samples = engine.generate(new RolloutRequest(PROMPT, SEEDS, SAMPLING));
      float[] logProbs = file.floats("rollout.log_probs");
      for (int row = 0; row < 2; row++) {
        Sample sample = samples.get(row);
        assertThat(row(file.floats("rollout.final_latents"), row))
            .isEqualTo(sample.trajectory().finalLatents());
        assertThat(Arrays.copyOfRange(logProbs, 2 * row, 2 * row + 2))
            .isEqualTo(sample.trajectory().logProbs());
        assertThat(file.bytes("rollout.images").slice(row * 3 * SIZE, 3 * SIZE))
            .isEqualTo(ByteBuffer.wrap(sample.image().rgb()));
      }
    }
  }

  @Test
  void write_withoutStochasticSteps_hasEmptyNoiseAndLogProbs() {
    PeerFile.write(target, config("sampler.sdeType=ode"), List.of(PROMPT));

    try (SafetensorsFile file = SafetensorsFile.open(target)) {
      assertThat(file.tensor("rollout.step_noise").shape()).containsExactly(0L, 2L, 6L, 64L);
      assertThat(file.tensor("rollout.log_probs").shape()).containsExactly(2L, 0L);
    }
  }

  @Test
  void write_folderIsMissing_saysWhichFile() {
    Path missing = folder.resolve("missing/peer.safetensors");

    assertThatThrownBy(() -> PeerFile.write(missing, config(), List.of(PROMPT)))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage(missing + ": the peer file cannot be written");
  }

  private Path weights() {
    return folder.resolve("tiny.safetensors");
  }

  private static float[] row(float[] latents, int row) {
    return Arrays.copyOfRange(latents, row * SIZE, (row + 1) * SIZE);
  }

  private FlowLoopConfig config(String... others) {
    String[] settings = {
      "model.weights=" + weights(),
      "model.device=cpu",
      "model.imageHeight=16",
      "model.imageWidth=24",
      "rollout.n=2",
      "rollout.seed=5",
      "sampler.numInferenceSteps=4",
      "sampler.sdeType=cps",
      "sampler.noiseLevel=0.7",
      "sampler.sdeWindowSize=2",
      "sampler.sdeWindowRange=[1, 3]"
    };
    String[] all = Arrays.copyOf(settings, settings.length + others.length);
    System.arraycopy(others, 0, all, settings.length, others.length);
    return ConfigLoader.load(ConfigSources.of(all), FlowLoop.knownNames()).config();
  }
}
