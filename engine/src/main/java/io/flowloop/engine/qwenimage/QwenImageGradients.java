package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.engine.Gradients;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.TensorScope;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * The gradients of mean(velocity²) with respect to some weights, block by block as in training,
 * against the reference's.
 */
final class QwenImageGradients {

  private static final String LOSS = GoldenFile.GRADIENT + "loss";

  private final GoldenFile golden;
  private final QwenImagePipeline pipeline;

  QwenImageGradients(GoldenFile golden, QwenImagePipeline pipeline) {
    this.golden = golden;
    this.pipeline = pipeline;
  }

  /** The loss and gradients that the file has, of weights that the transformer has. */
  List<QwenImageVerification.Stage> stages() {
    SequencedMap<String, QwenImageTransformer.Place> places = places();
    if (places.isEmpty() && !golden.has(LOSS)) {
      return List.of();
    }
    List<NDArray> weights =
        places.values().stream().map(place -> pipeline.weight(place.name())).distinct().toList();
    weights.forEach(weight -> weight.setRequiresGradient(true));
    try (TensorScope _ = new TensorScope()) {
      List<QwenImageVerification.Stage> stages = new ArrayList<>();
      float[] loss = {(float) backward()};
      if (golden.has(LOSS)) {
        stages.add(stage(LOSS, loss));
      }
      places.forEach((name, place) -> stages.add(stage(name, gradient(place))));
      return stages;
    } finally {
      Gradients.clear(weights);
      weights.forEach(weight -> weight.setRequiresGradient(false));
    }
  }

  private SequencedMap<String, QwenImageTransformer.Place> places() {
    SequencedMap<String, QwenImageTransformer.Place> places = new LinkedHashMap<>();
    for (String name : golden.names()) {
      if (name.startsWith(GoldenFile.GRADIENT) && !name.equals(LOSS)) {
        QwenImageTransformer.Place place =
            QwenImageTransformer.place(name.substring(GoldenFile.GRADIENT.length()));
        if (pipeline.weights().containsKey(place.name())) {
          places.put(name, place);
        }
      }
    }
    return places;
  }

  private QwenImageVerification.Stage stage(String name, float[] values) {
    return new QwenImageVerification.Stage(
        name, QwenImageVerification.error(values, golden.floats(name)));
  }

  /** Leaves gradients on the weights; the loss. */
  private double backward() {
    float[] levels = golden.floats(GoldenFile.LEVELS);
    // A velocity for each number of the latents.
    int size = golden.elements(GoldenFile.TOKENS);
    double loss = 0;
    for (int index = 0; index < levels.length; index++) {
      try (TensorScope _ = new TensorScope()) {
        NDArray sigmas = pipeline.manager().create(levels, new Shape(levels.length));
        Pipeline.Denoiser.Recording forward =
            pipeline
                .denoiser()
                .checkpointed(
                    golden.row(pipeline.manager(), GoldenFile.TOKENS, index),
                    sigmas,
                    index,
                    golden.text(pipeline.manager(), index));
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
