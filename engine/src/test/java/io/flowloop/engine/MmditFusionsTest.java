package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Dtype;
import io.flowloop.config.LoraConfig;
import io.flowloop.engine.qwenimage.QwenImagePipeline;
import io.flowloop.engine.qwenimage.TinyQwenImage;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A network with fusions between its products, by operators on the CPU, against that without. */
class MmditFusionsTest {

  private static final int ROWS = 3;
  private static final int STEP = 1;
  private static final float[] SIGMAS = {0.9f, 0.4f};
  private static final LoraConfig LORA =
      new LoraConfig(4, 8, List.of("to_q", "to_v", "to_out.0", "add_k_proj", "img_mlp.net.2"));

  private final Pipeline pipeline = QwenImagePipeline.load(TinyQwenImage.model(Dtype.FLOAT32));
  private final OperatorFusions fusions =
      new OperatorFusions(pipeline.kernels(), pipeline.manager());

  @AfterEach
  void close() {
    fusions.close();
    pipeline.close();
  }

  private NDArray values(int seed) {
    Pipeline.LatentShape latent = pipeline.latentShape();
    float[] values = Noise.normals(seed, Noise.Use.INITIAL_LATENTS, 0, ROWS * latent.size());
    return pipeline.manager().create(values, new Shape(ROWS, latent.tokens(), latent.channels()));
  }

  private Pipeline.Text text() {
    return Pipeline.Text.of(pipeline.textEncoder().encode("a sign").tokens());
  }

  private NDArray sigmas() {
    return pipeline.manager().create(SIGMAS);
  }

  private float[] velocity(Pipeline.Denoiser network) {
    try (TensorScope _ = new TensorScope()) {
      return network
          .velocity(values(3), network.conditioning(sigmas()).get(STEP), text())
          .toFloatArray();
    }
  }

  @Test
  void velocity_fused_isThatOfOperators() {
    Mmdit network = (Mmdit) pipeline.denoiser();

    assertThat(difference(velocity(network.fusedBy(fusions)), velocity(network))).isLessThan(2e-5);
  }

  /** The forward of an update is the rollout's, the way back that of operators. */
  @Test
  void recorded_fused_hasTheBitsOfTheForwardAndTheGradientsOfOperators() {
    try (LoraPolicy policy = new LoraPolicy(pipeline, LORA, 3)) {
      openAdapters(policy);
      Mmdit network = (Mmdit) policy.denoiser();
      Mmdit fused = network.fusedBy(fusions);

      List<float[]> expected = gradients(network, policy, velocity(network));
      List<float[]> actual = gradients(fused, policy, velocity(fused));

      for (int i = 0; i < expected.size(); i++) {
        assertThat(difference(actual.get(i), expected.get(i))).isLessThan(2e-5);
      }
    }
  }

  /** Largest difference by largest value. */
  private static double difference(float[] actual, float[] expected) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference = Math.max(difference, Math.abs(actual[i] - expected[i]));
      size = Math.max(size, Math.abs(expected[i]));
    }
    return difference / size;
  }

  private void openAdapters(LoraPolicy policy) {
    policy
        .parameters()
        .forEach(
            (name, parameter) ->
                pipeline
                    .kernels()
                    .assign(
                        parameter,
                        Noise.normals(
                            name.hashCode(),
                            Noise.Use.WEIGHTS,
                            0,
                            Math.toIntExact(parameter.size()))));
    policy.applyParameters();
  }

  private List<float[]> gradients(Mmdit network, LoraPolicy policy, float[] velocity) {
    try (TensorScope _ = new TensorScope()) {
      policy.clearGradients();
      Pipeline.Denoiser.Recording forward = network.recorded(values(3), sigmas(), STEP, text());
      assertThat(difference(forward.velocity().toFloatArray(), velocity)).isZero();
      forward.backward().accept(values(4));
      List<float[]> gradients = new ArrayList<>();
      policy.gradients().forEach(gradient -> gradients.add(gradient.toFloatArray()));
      return gradients;
    }
  }

  @Test
  void weightsChanged_adaptersWrittenTo_areSeen() {
    try (LoraPolicy policy = new LoraPolicy(pipeline, LORA, 3)) {
      Mmdit fused = ((Mmdit) policy.denoiser()).fusedBy(fusions);
      float[] before = velocity(fused);
      openAdapters(policy);

      fused.weightsChanged();

      assertThat(difference(velocity(fused), before)).isGreaterThan(1e-2);
      assertThat(difference(velocity(fused), velocity(policy.denoiser()))).isLessThan(2e-5);
    }
  }

  @Test
  void close_afterForwards_leavesNoTensor() {
    Mmdit fused = ((Mmdit) pipeline.denoiser()).fusedBy(fusions);
    // The first one leaves what all of them share.
    var _ = velocity(fused);
    fused.weightsChanged();
    int alive = pipeline.manager().getManagedArrays().size();
    var _ = velocity(fused);
    fused.weightsChanged();

    assertThat(pipeline.manager().getManagedArrays()).hasSize(alive);
  }
}
