package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Dtype;
import io.flowloop.config.LoraConfig;
import io.flowloop.config.SdeType;
import io.flowloop.engine.qwenimage.QwenImagePipeline;
import io.flowloop.engine.qwenimage.TinyQwenImage;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A network with fusions between its products, by operators on the CPU, against that without. */
class MmditFusionsTest {

  private static final int ROWS = 3;
  private static final int STEP = 1;
  private static final float[] SIGMAS = {0.9f, 0.4f};
  private static final LoraConfig LORA =
      new LoraConfig(4, 8, List.of("to_q", "to_v", "to_out.0", "add_k_proj", "img_mlp.net.2"));

  /**
   * Two of each adapted layer: qkv of both streams, the image's output and its MLP's second layer;
   * in two blocks.
   */
  private static final int COPIES = 16;

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

  /** Kernels of a GPU may prefer cuDNN's to what libtorch chooses. */
  @Test
  void attentionKernel_fusionsWithoutAPreference_isWhatLibtorchChooses() {
    Mmdit network = (Mmdit) pipeline.denoiser();
    Shape queries = new Shape(ROWS, 2, 40, 16);
    String chosen = pipeline.kernels().attention(queries, Dtype.FLOAT32);

    assertThat(network.attentionKernel(queries, Dtype.FLOAT32)).isEqualTo(chosen);
    assertThat(network.fusedBy(fusions).attentionKernel(queries, Dtype.FLOAT32)).isEqualTo(chosen);
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
  void release_adaptersWrittenTo_areSeen() {
    try (LoraPolicy policy = new LoraPolicy(pipeline, LORA, 3)) {
      Mmdit fused = ((Mmdit) policy.denoiser()).fusedBy(fusions);
      float[] before = velocity(fused);
      openAdapters(policy);

      fused.release();

      assertThat(difference(velocity(fused), before)).isGreaterThan(1e-2);
      assertThat(difference(velocity(fused), velocity(policy.denoiser()))).isLessThan(2e-5);
    }
  }

  @Test
  void close_afterForwards_leavesNoTensor() {
    Mmdit fused = ((Mmdit) pipeline.denoiser()).fusedBy(fusions);
    // The first one leaves what all of them share.
    var _ = velocity(fused);
    fused.release();
    int alive = pipeline.manager().getManagedArrays().size();
    var _ = velocity(fused);
    fused.release();

    assertThat(pipeline.manager().getManagedArrays()).hasSize(alive);
  }

  /** The pipeline with fusions in all its networks; whoever has it ends with the pipeline. */
  private Pipeline fused(boolean offloads) {
    InvocationHandler handler =
        (_, method, arguments) ->
            switch (method.getName()) {
              case "denoiser" -> ((Mmdit) method.invoke(pipeline, arguments)).fusedBy(fusions);
              case "offloads" -> offloads;
              default -> method.invoke(pipeline, arguments);
            };
    return (Pipeline)
        Proxy.newProxyInstance(
            Pipeline.class.getClassLoader(), new Class<?>[] {Pipeline.class}, handler);
  }

  /** Copies of weights with their adapters are there while something is drawn, and not for good. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void generate_offloaded_keepsNoCopies(boolean offloads) {
    PolicyWeights adapters = LoraPolicy.initial(pipeline, LORA, 3);
    RolloutRequest request =
        RolloutRequest.of(
            "a sign", new Sampling(2, 1, SdeType.SDE, 0.7, SdeWindow.whole(2)), 1, 2, 3);
    PipelineEngine engine = new PipelineEngine(fused(offloads), 2);
    engine.load(adapters);
    // The first one leaves what all of them share.
    List<Sample> expected = engine.generate(request);
    engine.load(adapters);
    int without = engine.liveTensors();
    List<Integer> drawing = new ArrayList<>();

    Drawn drawn =
        engine.generate(List.of(request), _ -> drawing.add(engine.liveTensors())).getFirst();

    int copies = engine.liveTensors() - without;
    assertThat(copies).isEqualTo(offloads ? 0 : COPIES);
    assertThat(drawing).hasSize(4).allMatch(tensors -> tensors >= without + COPIES);
    for (int i = 0; i < expected.size(); i++) {
      assertThat(drawn.samples().get(i).trajectory().finalLatents())
          .isEqualTo(expected.get(i).trajectory().finalLatents());
    }
  }

  @Test
  void update_givenUp_keepsNoCopies() {
    TinyUpdate settings = new TinyUpdate();
    settings.rows = 2;
    settings.miniBatch = 4;
    settings.policy = its -> new LoraPolicy(its, LORA, 3);
    PolicyLearner learner = settings.learner(fused(false));
    try (PipelineEngine engine = TinyQwenImage.engine(TinyQwenImage.model(Dtype.FLOAT32), 2)) {
      learner.update(judged(settings.draw(engine, 0)), 0, () -> false);
      engine.load(learner.weights());
      List<TrainingSample> samples = judged(settings.draw(engine, 1));
      int without = learner.liveTensors();
      List<Integer> learning = new ArrayList<>();

      assertThatThrownBy(
              () ->
                  learner.update(
                      samples,
                      1,
                      () -> {
                        learning.add(learner.liveTensors());
                        return learning.size() > 1;
                      }))
          .isInstanceOf(CancellationException.class);

      assertThat(learning).hasSize(2);
      assertThat(learning.getLast()).isGreaterThanOrEqualTo(without + COPIES);
      assertThat(learner.liveTensors()).isEqualTo(without);
    }
  }

  private static List<TrainingSample> judged(List<Sample> samples) {
    return IntStream.range(0, samples.size())
        .mapToObj(i -> new TrainingSample(samples.get(i), i % 2 == 0 ? 1 : -1))
        .toList();
  }
}
