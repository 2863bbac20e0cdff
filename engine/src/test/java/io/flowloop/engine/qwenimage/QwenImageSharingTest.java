package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.flowloop.config.Dtype;
import io.flowloop.config.ModelConfig;
import io.flowloop.config.SdeType;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.PipelineEngine;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.SdeWindow;
import java.util.SequencedMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Pipelines of one process that are of the same weights. */
class QwenImageSharingTest {

  private final AtomicInteger loads = new AtomicInteger();

  /** A folder that counts how often its transformer is put on a device. */
  private final class Counting implements QwenImageSource {

    private final QwenImageSource source;

    Counting(QwenImageSource source) {
      this.source = source;
    }

    @Override
    public SequencedMap<String, NDArray> loadTransformer(
        LoadedDevice device, NDManager manager, Dtype dtype) {
      loads.incrementAndGet();
      return source.loadTransformer(device, manager, dtype);
    }

    @Override
    public TransformerConfig transformer() {
      return source.transformer();
    }

    @Override
    public VaeConfig vae() {
      return source.vae();
    }

    @Override
    public SchedulerConfig scheduler() {
      return source.scheduler();
    }

    @Override
    public long fingerprint() {
      return source.fingerprint();
    }

    @Override
    public Object origin() {
      return source.origin();
    }

    @Override
    public QwenImageVae loadVae(LoadedDevice device, Dtype dtype) {
      return source.loadVae(device, dtype);
    }

    @Override
    public PromptEncoder loadEncoder(LoadedDevice device, Dtype dtype) {
      return source.loadEncoder(device, dtype);
    }

    @Override
    public void close() {
      source.close();
    }
  }

  private PipelineEngine engine(ModelConfig model) {
    return engine(QwenImageFolder.open(model.path().orElseThrow()), model);
  }

  private PipelineEngine engine(QwenImageSource source, ModelConfig model) {
    return new PipelineEngine(QwenImagePipeline.load(new Counting(source), model), 4);
  }

  private static Sample draw(PipelineEngine engine) {
    Sampling sampling = new Sampling(3, 4, SdeType.SDE, 0.7, new SdeWindow(0, 2));
    return engine.generate(RolloutRequest.of("a sign that says \"7382\"", sampling, 5)).getFirst();
  }

  private static void assertIdentical(Sample actual, Sample expected) {
    assertThat(actual.image().rgb()).isEqualTo(expected.image().rgb());
    assertThat(actual.trajectory().latents()).isDeepEqualTo(expected.trajectory().latents());
    assertThat(actual.trajectory().finalLatents()).isEqualTo(expected.trajectory().finalLatents());
  }

  @Test
  void load_bfloat16_isDoneOnceAndLastsUntilTheLastIsClosed() {
    ModelConfig model = TinyQwenImage.small(Dtype.BFLOAT16);
    PipelineEngine loader = engine(model);
    Sample expected = draw(loader);
    try (PipelineEngine other = engine(model.offloaded())) {
      assertIdentical(draw(other), expected);
      loader.close();
      assertIdentical(draw(other), expected);
      try (PipelineEngine third = engine(model)) {
        assertIdentical(draw(third), expected);
      }
      assertThat(loads).hasValue(1);
    }

    try (PipelineEngine again = engine(model)) {
      assertIdentical(draw(again), expected);
      assertThat(loads).hasValue(2);
    }
  }

  /** They are trained in place. */
  @Test
  void load_float32_isDoneForEach() {
    ModelConfig model = TinyQwenImage.small(Dtype.FLOAT32);
    try (PipelineEngine one = engine(model);
        PipelineEngine other = engine(model)) {
      assertIdentical(draw(other), draw(one));
    }
    assertThat(loads).hasValue(2);
  }

  @Test
  void load_randomWeights_isDoneOnce() {
    ModelConfig model = TinyQwenImage.small(Dtype.BFLOAT16);
    try (PipelineEngine one = engine(new RandomSource(QwenImageGeometry.TINY, 5), model);
        PipelineEngine other = engine(new RandomSource(QwenImageGeometry.TINY, 5), model)) {
      assertIdentical(draw(other), draw(one));
    }
    assertThat(loads).hasValue(1);
  }
}
