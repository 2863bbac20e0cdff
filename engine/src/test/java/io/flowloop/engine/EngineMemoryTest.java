package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import ai.djl.ndarray.types.Shape;
import io.flowloop.config.SdeType;
import io.flowloop.engine.glyph.TinyGlyph;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Engines and learners on a device without memory for what they are asked. */
class EngineMemoryTest {

  private static final String PROMPT = "a sign that says \"7382\"";
  private static final int STEPS = 5;
  private static final int K = 10;

  private static CrampedPipeline cramped(int fittingRows) {
    return cramped(_ -> fittingRows);
  }

  private static CrampedPipeline cramped(IntUnaryOperator fittingRows) {
    return new CrampedPipeline(TinyGlyph.pipeline(TinyGlyph.weights()), fittingRows);
  }

  private static RolloutRequest request(int rows, double guidanceScale) {
    Sampling sampling =
        new Sampling(STEPS, guidanceScale, SdeType.SDE, 0.7, SdeWindow.whole(STEPS));
    return RolloutRequest.of(PROMPT, sampling, LongStream.range(100, 100 + rows).toArray());
  }

  /** The forwards of the network for a sub-batch of each of these sizes. */
  private static List<Integer> walks(Integer... rows) {
    return Stream.of(rows).flatMap(k -> Collections.nCopies(STEPS, k).stream()).toList();
  }

  private static List<SampleTimings> timings(List<Sample> samples) {
    return samples.stream().map(Sample::timings).toList();
  }

  private static void assertIdentical(List<Sample> actual, List<Sample> expected) {
    assertThat(actual)
        .extracting(Sample::row)
        .isEqualTo(expected.stream().map(Sample::row).toList());
    for (int i = 0; i < actual.size(); i++) {
      assertThat(actual.get(i).image().rgb()).isEqualTo(expected.get(i).image().rgb());
      Trajectory trajectory = actual.get(i).trajectory();
      assertThat(trajectory.latents()).isDeepEqualTo(expected.get(i).trajectory().latents());
      assertThat(trajectory.logProbs()).isEqualTo(expected.get(i).trajectory().logProbs());
    }
  }

  @Test
  void generate_moreRowsThanFit_drawsWhatSmallerForwardsDraw() {
    CrampedPipeline pipeline = cramped(3);
    try (PipelineEngine engine = new PipelineEngine(pipeline, 64);
        PipelineEngine two = TinyGlyph.engine(2)) {
      List<Sample> samples = engine.generate(request(K, 1));

      assertThat(pipeline.forwards.subList(0, 2)).containsExactly(10, 5);
      assertThat(pipeline.forwards.subList(2, pipeline.forwards.size()))
          .isEqualTo(walks(2, 2, 2, 2, 2));
      assertIdentical(samples, two.generate(request(K, 1)));
      assertThat(timings(samples)).extracting(SampleTimings::rowsPerForward).containsOnly(2);
      assertThat(timings(samples))
          .extracting(SampleTimings::oomSplits)
          .containsExactly(2, 2, 0, 0, 0, 0, 0, 0, 0, 0);
      assertThat(SampleTimings.oomSplits(timings(samples))).isEqualTo(2);
    }
  }

  @Test
  void generate_secondRequest_triesNothingLarger() {
    CrampedPipeline pipeline = cramped(3);
    try (PipelineEngine engine = new PipelineEngine(pipeline, 64)) {
      engine.generate(request(K, 1));
      pipeline.forwards.clear();

      List<Sample> samples = engine.generate(request(5, 1));

      assertThat(pipeline.forwards).isEqualTo(walks(2, 2, 1));
      assertThat(SampleTimings.oomSplits(timings(samples))).isZero();
    }
  }

  @Test
  void generate_guided_countsBothRowsOfASample() {
    CrampedPipeline pipeline = cramped(5);
    try (PipelineEngine engine = new PipelineEngine(pipeline, 64)) {
      engine.generate(request(K, 1));
      pipeline.forwards.clear();

      List<Sample> samples = engine.generate(request(5, 2));

      assertThat(pipeline.forwards).isEqualTo(walks(4, 4, 2));
      assertThat(timings(samples))
          .extracting(SampleTimings::rowsPerForward)
          .containsExactly(2, 2, 2, 2, 1);
    }
  }

  @Test
  void generate_memoryThatRunsOutHalfway_keepsWhatIsDrawn() {
    CrampedPipeline pipeline = cramped(forwards -> forwards < STEPS ? 4 : 2);
    try (PipelineEngine engine = new PipelineEngine(pipeline, 4);
        PipelineEngine four = TinyGlyph.engine(4)) {
      List<Sample> whole = four.generate(request(8, 1));
      List<Sample> samples = engine.generate(request(8, 1));

      assertThat(pipeline.forwards).isEqualTo(concat(walks(4), List.of(4), walks(2, 2)));
      assertIdentical(samples.subList(0, 4), whole.subList(0, 4));
      assertThat(timings(samples))
          .extracting(SampleTimings::rowsPerForward)
          .containsExactly(4, 4, 4, 4, 2, 2, 2, 2);
    }
  }

  @Test
  void generate_aSingleRowThatDoesNotFit_saysWhatToDo() {
    CrampedPipeline pipeline = cramped(0);
    try (PipelineEngine engine = new PipelineEngine(pipeline, 64)) {
      assertThatThrownBy(() -> engine.generate(request(4, 1)))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("row 0, seed 100, of prompt '" + PROMPT + "' does not fit on cpu")
          .hasMessageContaining("DefaultCPUAllocator")
          .hasMessageContaining("model.imageHeight")
          .hasMessageContaining("model.dtype")
          .hasMessageContaining("rollout.engines");
      assertThat(pipeline.forwards).containsExactly(4, 2, 1);
    }
  }

  @Test
  void generate_memoryThatRunsOutAgainAndAgain_leavesNoTensorBehind() {
    try (PipelineEngine engine = new PipelineEngine(cramped(0), 64)) {
      // Each kernel that was not used before keeps one marker.
      assertThatThrownBy(() -> engine.generate(request(4, 2))).isInstanceOf(EngineException.class);
      int before = engine.liveTensors();
      for (int i = 0; i < 10; i++) {
        assertThatThrownBy(() -> engine.generate(request(4, 2)))
            .isInstanceOf(EngineException.class);
      }
      assertThat(engine.liveTensors()).isEqualTo(before);
    }
  }

  @Test
  void generate_otherFailure_isNotTriedAgain() {
    CrampedPipeline pipeline = cramped(3);
    pipeline.failure = manager -> manager.zeros(new Shape(2)).add(manager.zeros(new Shape(3)));
    try (PipelineEngine engine = new PipelineEngine(pipeline, 64)) {
      assertThatThrownBy(() -> engine.generate(request(4, 1)))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("forward failed on cpu for prompt '" + PROMPT + "'")
          .hasMessageNotContaining("model.dtype");
      assertThat(pipeline.forwards).containsExactly(4);
    }
  }

  @Test
  void update_ofHalvedForwards_hasRatiosOfExactlyOne() {
    TinyUpdate settings = new TinyUpdate();
    settings.miniBatch = 16;
    try (PipelineEngine engine = new PipelineEngine(cramped(4), 64);
        PolicyLearner learner = settings.learner()) {
      UpdateMetrics metrics = learner.update(judged(settings.draw(engine, 0)), 0, () -> false);

      assertThat(metrics.forwards()).containsOnlyKeys(4);
      assertThat(metrics.freshRatioError()).isZero();
    }
  }

  @Test
  void update_thatDoesNotFit_namesTheSettingsThatSaveMemory() {
    TinyUpdate settings = new TinyUpdate();
    settings.microBatch = OptionalInt.of(4);
    try (PipelineEngine engine = TinyGlyph.engine(64);
        PolicyLearner learner = settings.learner(cramped(2))) {
      List<TrainingSample> samples = judged(settings.draw(engine, 0));

      EngineException failure =
          catchThrowableOfType(
              EngineException.class, () -> learner.update(samples, 0, () -> false));

      assertThat(failure)
          .hasMessageContaining("the update does not fit on cpu")
          .hasMessageContaining("DefaultCPUAllocator")
          .hasMessageContaining("update.activationCheckpointing=true (now false)")
          .hasMessageContaining("update.microBatch (now 4)");
    }
  }

  private static List<TrainingSample> judged(List<Sample> samples) {
    return IntStream.range(0, samples.size())
        .mapToObj(i -> new TrainingSample(samples.get(i), i % 2 == 0 ? 1 : -1))
        .toList();
  }

  private static List<Integer> concat(List<Integer> first, List<Integer> then, List<Integer> last) {
    return Stream.of(first, then, last).flatMap(List::stream).toList();
  }
}
