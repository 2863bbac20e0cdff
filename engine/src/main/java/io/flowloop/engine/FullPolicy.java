package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import io.flowloop.config.Dtype;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/** Every weight of the denoiser is trained; the pipeline's own stay behind as the reference. */
public final class FullPolicy implements Policy {

  private final Pipeline pipeline;
  private final SequencedMap<String, NDArray> parameters = new LinkedHashMap<>();
  private final Pipeline.Denoiser denoiser;

  /**
   * A policy that begins as a copy of the pipeline's denoiser.
   *
   * @throws EngineException if the weights are kept in another dtype than float32
   */
  public FullPolicy(Pipeline pipeline) {
    if (pipeline.dtype() != Dtype.FLOAT32) {
      throw new EngineException(
          "model.dtype: bfloat16, with update.lora.rank=0 (expected: float32, since bfloat16 rounds"
              + " the steps of training away); train adapters, such as by update.lora.rank=64");
    }
    this.pipeline = pipeline;
    pipeline
        .weights()
        .forEach(
            (name, weight) -> {
              NDArray copy = weight.duplicate();
              copy.setRequiresGradient(true);
              parameters.put(name, copy);
            });
    this.denoiser = pipeline.denoiser(parameters);
  }

  @Override
  public Pipeline.Denoiser denoiser() {
    return denoiser;
  }

  @Override
  public Pipeline.Denoiser reference() {
    return pipeline.denoiser();
  }

  @Override
  public SequencedMap<String, NDArray> parameters() {
    return parameters;
  }

  @Override
  public List<NDArray> gradients() {
    return Gradients.of(parameters.values());
  }

  @Override
  public void clearGradients() {
    Gradients.clear(parameters.values());
  }

  @Override
  public void applyParameters() {
    denoiser.release();
  }

  @Override
  public SequencedMap<String, NDArray> weights() {
    return parameters;
  }

  @Override
  public void close() {
    parameters.values().forEach(NDArray::close);
  }
}
