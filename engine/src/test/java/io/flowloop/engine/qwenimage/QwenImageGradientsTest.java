package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Dtype;
import io.flowloop.engine.Gradients;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.Pipeline.Denoiser;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.TensorScope;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The gradients of the golden mean(velocity²), in both ways that a policy is trained. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class QwenImageGradientsTest {

  private static final String PREFIX = "grad.";
  private static final String LOSS = "grad.loss";

  private SafetensorsFile golden;
  private QwenImagePipeline pipeline;

  @BeforeAll
  void open() {
    golden = SafetensorsFile.open(TinyQwenImage.folder().resolve(QwenImageVerification.GOLDEN));
    pipeline = QwenImagePipeline.load(TinyQwenImage.model(Dtype.FLOAT32));
  }

  @AfterAll
  void close() {
    pipeline.close();
    golden.close();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void backward_goldenRows_leavesTheGradientsOfTheReference(boolean checkpointed) {
    List<String> names =
        golden.tensors().keySet().stream()
            .filter(name -> name.startsWith(PREFIX) && !name.equals(LOSS))
            .toList();
    List<NDArray> weights = names.stream().map(this::weight).toList();
    weights.forEach(weight -> weight.setRequiresGradient(true));
    float[] levels = golden.floats("transformer.timestep");

    double loss = 0;
    for (int row = 0; row < levels.length; row++) {
      loss += backward(row, levels, checkpointed);
    }

    assertThat(loss).isCloseTo(golden.floats(LOSS)[0], withPercentage(0.001));
    try (TensorScope _ = new TensorScope()) {
      for (int i = 0; i < names.size(); i++) {
        float[] gradient = part(names.get(i), weights.get(i).getGradient().toFloatArray());
        assertThat(QwenImageVerification.error(gradient, golden.floats(names.get(i))))
            .as(names.get(i))
            .isLessThan(2e-5);
      }
    }
    Gradients.clear(weights);
    weights.forEach(weight -> weight.setRequiresGradient(false));
  }

  private static QwenImageTransformer.Place place(String name) {
    return QwenImageTransformer.place(name.substring(PREFIX.length()));
  }

  private NDArray weight(String name) {
    return pipeline.weight(place(name).name());
  }

  private static float[] part(String name, float[] joined) {
    int size = joined.length / place(name).parts();
    return Arrays.copyOfRange(joined, place(name).part() * size, (place(name).part() + 1) * size);
  }

  /** The row's part of the loss, whose gradients it leaves on the weights. */
  private double backward(int row, float[] levels, boolean checkpointed) {
    try (TensorScope _ = new TensorScope()) {
      NDManager manager = pipeline.manager();
      NDArray sigmas = manager.create(levels);
      Denoiser network = pipeline.denoiser();
      Denoiser.Recording forward =
          checkpointed
              ? network.checkpointed(latents(row), sigmas, row, text(row))
              : network.recorded(latents(row), sigmas, row, text(row));
      float[] velocity = forward.velocity().toFloatArray();
      long size = (long) velocity.length * levels.length;
      forward.backward().accept(forward.velocity().stopGradient().mul(2.0f / size));
      return IntStream.range(0, velocity.length)
          .mapToDouble(i -> (double) velocity[i] * velocity[i] / size)
          .sum();
    }
  }

  private NDArray latents(int row) {
    return row("transformer.hidden_states", row, pipeline.latentShape().tokens());
  }

  /** Without what the mask hides: of row 1, what stands behind its tokens. */
  private Pipeline.Text text(int row) {
    long[] mask = golden.longs("transformer.encoder_hidden_states_mask");
    int longest = mask.length / 2;
    int tokens = Math.toIntExact(Arrays.stream(mask, row * longest, (row + 1) * longest).sum());
    return Pipeline.Text.of(row("transformer.encoder_hidden_states", row, tokens));
  }

  /** The first tokens of a row. */
  private NDArray row(String name, int row, int tokens) {
    List<Long> shape = golden.tensor(name).shape();
    int width = Math.toIntExact(shape.get(2));
    int from = row * Math.toIntExact(shape.get(1)) * width;
    return pipeline
        .manager()
        .create(
            Arrays.copyOfRange(golden.floats(name), from, from + tokens * width),
            new Shape(1, tokens, width));
  }
}
