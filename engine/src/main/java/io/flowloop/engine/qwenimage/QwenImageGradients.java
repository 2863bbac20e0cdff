package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.engine.Gradients;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.TensorScope;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.IntFunction;

/**
 * The gradients of mean(velocity²) with respect to some weights, block by block as in training,
 * against the reference's.
 */
final class QwenImageGradients {

  private static final String PREFIX = "grad.";
  private static final String LOSS = "grad.loss";

  private final SafetensorsFile golden;
  private final QwenImagePipeline pipeline;
  private final IntFunction<Pipeline.Text> text;
  private final BiFunction<String, Integer, NDArray> row;

  /**
   * @param text what a row is conditioned on
   * @param row a row of a tensor of the reference
   */
  QwenImageGradients(
      SafetensorsFile golden,
      QwenImagePipeline pipeline,
      IntFunction<Pipeline.Text> text,
      BiFunction<String, Integer, NDArray> row) {
    this.golden = golden;
    this.pipeline = pipeline;
    this.text = text;
    this.row = row;
  }

  List<QwenImageVerification.Stage> stages() {
    Map<String, QwenImageTransformer.Place> places = new LinkedHashMap<>();
    golden.tensors().keySet().stream()
        .filter(name -> name.startsWith(PREFIX) && !name.equals(LOSS))
        .forEach(
            name -> places.put(name, QwenImageTransformer.place(name.substring(PREFIX.length()))));
    List<NDArray> weights =
        places.values().stream().map(place -> pipeline.weight(place.name())).distinct().toList();
    weights.forEach(weight -> weight.setRequiresGradient(true));
    try (TensorScope _ = new TensorScope()) {
      List<QwenImageVerification.Stage> stages = new ArrayList<>();
      float[] loss = {(float) backward()};
      stages.add(stage(LOSS, loss));
      places.forEach((name, place) -> stages.add(stage(name, gradient(place))));
      return stages;
    } finally {
      Gradients.clear(weights);
      weights.forEach(weight -> weight.setRequiresGradient(false));
    }
  }

  private QwenImageVerification.Stage stage(String name, float[] values) {
    return new QwenImageVerification.Stage(
        name, QwenImageVerification.error(values, golden.floats(name)));
  }

  /** Leaves gradients on the weights; the loss. */
  private double backward() {
    float[] levels = golden.floats("transformer.timestep");
    long size = golden.tensor("transformer.velocity").elements();
    double loss = 0;
    for (int index = 0; index < levels.length; index++) {
      try (TensorScope _ = new TensorScope()) {
        NDArray sigmas = pipeline.manager().create(levels, new Shape(levels.length));
        Pipeline.Denoiser.Recording forward =
            pipeline
                .denoiser()
                .checkpointed(
                    row.apply("transformer.hidden_states", index),
                    sigmas,
                    index,
                    text.apply(index));
        for (float value : forward.velocity().toFloatArray()) {
          loss += (double) value * value / size;
        }
        forward.backward().accept(forward.velocity().mul(2.0f / size));
      }
    }
    return loss;
  }

  private float[] gradient(QwenImageTransformer.Place place) {
    NDArray gradient = pipeline.weight(place.name()).getGradient();
    return place.of(pipeline.kernels().one("float32_copy", gradient).toFloatArray());
  }
}
