package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.Device;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.Noise;
import io.flowloop.engine.PipelineEngine;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.Sample;
import io.flowloop.engine.glyph.GlyphConfig;
import io.flowloop.engine.glyph.GlyphPipeline;
import io.flowloop.engine.glyph.GlyphWeights;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The promise on the true path: prompts, actors, a small glyph model, OCR. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GlyphRolloutTest {

  private static final List<String> PROMPTS =
      List.of("a sign that says \"7382\"", "a sign that says \"05\"", "a sign that says \"1\"");
  private static final int N = 4;
  private static final int ROWS = PROMPTS.size() * N;
  private static final int HEIGHT = 32;
  private static final int WIDTH = 96;
  private static final int STEP = 3;

  private RolloutBatch batched;

  @BeforeAll
  void drawBatched() {
    batched = rollout();
  }

  @Test
  void run_batched_drawsEveryRowOnceInGroupsOfOneRequest() {
    assertThat(batched.batching()).hasToString("batched 12/12 rows in 3 requests");
    assertThat(batched.samples()).extracting(s -> s.row().index()).isEqualTo(range(ROWS));
    assertThat(batched.groups()).hasSize(3).allSatisfy(g -> assertThat(g.samples()).hasSize(N));
    RolloutSummary summary = RolloutSummary.of(batched);
    assertThat(summary.forwards()).containsOnlyKeys(N).containsValue(3 * 5);
  }

  @Test
  void run_eachRow_hasTheNoiseOfItsPlaceInTheRun() {
    for (RewardedSample rewarded : batched.samples()) {
      RowSeed seed = RowSeed.of(42, STEP, rewarded.row().index());
      assertThat(rewarded.sample().row()).isEqualTo(seed);
      assertThat(rewarded.sample().trajectory().latents()[0])
          .isEqualTo(Noise.initialLatents(seed.seed(), HEIGHT * WIDTH));
    }
  }

  @Test
  void run_flagOff_givesTheSameSamplesFromSingleRequests() {
    RolloutBatch single = rollout("rollout.enableBatchedDiffusion=false");

    assertThat(single.batching().requests()).isEqualTo(ROWS);
    assertThat(RolloutSummary.of(single).forwards()).containsOnlyKeys(1);
    for (int i = 0; i < ROWS; i++) {
      Sample one = single.samples().get(i).sample();
      Sample of = batched.samples().get(i).sample();
      assertThat(one.row()).isEqualTo(of.row());
      assertThat(one.trajectory().latents()[0]).isEqualTo(of.trajectory().latents()[0]);
      assertThat(one.trajectory().finalLatents())
          .containsExactly(of.trajectory().finalLatents(), within(1e-4f));
      for (int p = 0; p < one.image().rgb().length; p++) {
        int difference = one.image().rgb()[p] - of.image().rgb()[p];
        assertThat((byte) difference).isBetween((byte) -1, (byte) 1);
      }
    }
  }

  @Test
  void run_flagOffAndOneRowAForward_givesIdenticalSamples() {
    assertIdentical(
        rollout("rollout.enableBatchedDiffusion=false"), rollout("rollout.maxRowsPerForward=1"));
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 1", "1, 2", "2, 3"})
  void run_otherWorkersAndEngines_changeNothing(int workers, int engines) {
    assertIdentical(rollout("rollout.workers=" + workers, "rollout.engines=" + engines), batched);
  }

  @Test
  void run_otherStep_drawsOtherSamples() {
    RolloutBatch other = run(STEP + 1);

    assertThat(other.samples().getFirst().sample().trajectory().finalLatents())
        .isNotEqualTo(batched.samples().getFirst().sample().trajectory().finalLatents());
  }

  private static void assertIdentical(RolloutBatch actual, RolloutBatch expected) {
    assertThat(actual.samples()).hasSameSizeAs(expected.samples());
    for (int i = 0; i < expected.samples().size(); i++) {
      RewardedSample a = actual.samples().get(i);
      RewardedSample e = expected.samples().get(i);
      assertThat(a.row()).isEqualTo(e.row());
      assertThat(a.reward()).isEqualTo(e.reward());
      assertThat(a.sample().image().rgb()).isEqualTo(e.sample().image().rgb());
      assertThat(a.sample().trajectory().latents())
          .isDeepEqualTo(e.sample().trajectory().latents());
      assertThat(a.sample().trajectory().finalLatents())
          .isEqualTo(e.sample().trajectory().finalLatents());
      assertThat(a.sample().trajectory().logProbs()).isEqualTo(e.sample().trajectory().logProbs());
    }
  }

  private static RolloutBatch rollout(String... settings) {
    return run(STEP, settings);
  }

  private static RolloutBatch run(int step, String... settings) {
    List<String> assignments =
        new ArrayList<>(List.of("rollout.n=" + N, "sampler.numInferenceSteps=5"));
    assignments.addAll(List.of(settings));
    FlowLoopConfig config =
        ConfigLoader.load(
                ConfigSources.of(assignments.toArray(String[]::new)), FlowLoop.knownNames())
            .config();
    try (RolloutRunner runner =
        RolloutRunner.start(
            config.rollout(),
            config.sampler(),
            config.reward(),
            _ -> engine(config.rollout().maxRowsPerForward()))) {
      return runner.run(PROMPTS, step, RolloutListener.NONE);
    }
  }

  private static PipelineEngine engine(int maxRowsPerForward) {
    GlyphWeights weights = GlyphWeights.random(new GlyphConfig(16, 2, 2, 8), 7);
    LoadedDevice device = LoadedDevice.open(new Device.Cpu(), 1);
    return new PipelineEngine(new GlyphPipeline(device, weights, HEIGHT, WIDTH), maxRowsPerForward);
  }

  private static List<Integer> range(int end) {
    List<Integer> range = new ArrayList<>();
    for (int i = 0; i < end; i++) {
      range.add(i);
    }
    return range;
  }
}
