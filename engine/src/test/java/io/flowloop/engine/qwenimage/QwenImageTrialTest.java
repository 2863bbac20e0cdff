package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.flowloop.config.Device;
import io.flowloop.config.Dtype;
import io.flowloop.config.SdeType;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.PipelineEngine;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.SdeWindow;
import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.assertj.core.data.Index;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class QwenImageTrialTest {

  private static final Sampling SAMPLING =
      new Sampling(4, 4, SdeType.SDE, 1.2, new SdeWindow(0, 2));

  private static QwenImageTrial tiny(Dtype dtype) {
    return QwenImageTrial.load(QwenImageGeometry.TINY, 5, TinyQwenImage.model(dtype));
  }

  private static List<Sample> draw(int rows) {
    try (PipelineEngine engine = new PipelineEngine(tiny(Dtype.FLOAT32).pipeline(), rows)) {
      return engine.generate(RolloutRequest.of("any prompt", SAMPLING, 1, 2));
    }
  }

  @Test
  void parameters_publishedGeometry_areThoseOfTheModelCard() {
    assertThat(QwenImageGeometry.PUBLISHED.parameters()).isEqualTo(20_430_401_088L);
    assertThat(QwenImageGeometry.PUBLISHED.vae().scaleFactor()).isEqualTo(8);
    assertThat(QwenImageGeometry.PUBLISHED.scheduler().sigmas(10, 1024))
        .hasSize(11)
        .startsWith(1f)
        .contains(0.02f, Index.atIndex(9), Offset.offset(1e-6f));
  }

  @ParameterizedTest
  @EnumSource(Dtype.class)
  void parts_anyDtype_takeTimeAndGiveFiniteNumbers(Dtype dtype) {
    QwenImageTrial trial = tiny(dtype);
    try (var _ = trial.pipeline()) {
      assertThat(List.of(trial.modulation(3), trial.forward(2), trial.decode(), trial.encode()))
          .allSatisfy(time -> assertThat(time).isPositive());
      assertThat(trial.tensors()).isEqualTo(trial.pipeline().weights().size());
      assertThat(trial.kernels(2)).containsOnlyKeys("linear", "attention", "blocks");
    }
  }

  @Test
  void parts_runAgain_leaveNoTensorBehind() {
    QwenImageTrial trial = tiny(Dtype.FLOAT32);
    try (PipelineEngine engine = new PipelineEngine(trial.pipeline(), 2)) {
      for (int i = 0; i < 2; i++) {
        var _ = List.of(trial.modulation(3), trial.forward(2), trial.decode(), trial.encode());
      }
      int before = engine.liveTensors();

      var _ = List.of(trial.modulation(3), trial.forward(2), trial.decode(), trial.encode());

      assertThat(engine.liveTensors()).isEqualTo(before);
    }
  }

  @Test
  void generate_randomWeights_drawsImagesOfManyColours() {
    List<Sample> samples = draw(2);

    assertThat(samples).hasSize(2);
    assertThat(samples.get(0).image().rgb()).isNotEqualTo(samples.get(1).image().rgb());
    assertThat(samples)
        .allSatisfy(
            sample -> {
              byte[] rgb = sample.image().rgb();
              assertThat(rgb).hasSize(3 * 64 * 64);
              assertThat(distinct(rgb)).isGreaterThan(50);
              assertThat(sample.promptEmbedding().tokens()).isEqualTo(5);
            });
  }

  private static long distinct(byte[] bytes) {
    long[] seen = new long[256];
    for (byte value : bytes) {
      seen[Byte.toUnsignedInt(value)] = 1;
    }
    return Arrays.stream(seen).sum();
  }

  @Test
  void load_again_hasTheSameWeights() {
    assertThat(draw(2).getFirst().image().rgb()).isEqualTo(draw(2).getFirst().image().rgb());
  }

  @Test
  void load_anyWeights_keepTheSizeOfFeatures() {
    try (QwenImagePipeline pipeline =
        QwenImagePipeline.load(
            new RandomSource(QwenImageGeometry.TINY, 5), TinyQwenImage.model(Dtype.FLOAT32))) {
      String block = "transformer_blocks.1.";
      assertThat(deviation(pipeline.weight(block + "img_mlp.net.2.weight")))
          .isBetween(0.8 / Math.sqrt(128), 1.2 / Math.sqrt(128));
      assertThat(deviation(pipeline.weight(block + "txt_mod.1.weight"))).isBetween(.018, .022);
      assertThat(pipeline.weight(block + "attn.norm_q.weight").toFloatArray()).containsOnly(1);
      assertThat(pipeline.weight(block + "attn.to_qkv.bias").toFloatArray()).containsOnly(0);
    }
  }

  private static double deviation(NDArray weight) {
    float[] values = weight.toFloatArray();
    DoubleStream squares =
        IntStream.range(0, values.length).mapToDouble(i -> values[i] * values[i]);
    return Math.sqrt(squares.average().orElseThrow());
  }

  @Test
  void load_impossibleArguments_areRefused() {
    assertThatThrownBy(
            () ->
                QwenImageTrial.load(QwenImageGeometry.TINY, 0, TinyQwenImage.model(Dtype.FLOAT32)))
        .hasMessageContaining("text tokens: 0 (expected: 1 or more)");
    assertThatThrownBy(
            () ->
                QwenImageTrial.load(
                    QwenImageGeometry.PUBLISHED,
                    5,
                    TinyQwenImage.model(Dtype.FLOAT32).on(new Device.Gpu(99))))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("model.device: gpu:99");
  }
}
