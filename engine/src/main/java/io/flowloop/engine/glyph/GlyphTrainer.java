package io.flowloop.engine.glyph;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.PretrainConfig;
import io.flowloop.engine.AdamW;
import io.flowloop.engine.Gradients;
import io.flowloop.engine.Kernels;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.Mmdit;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.Pipeline.LatentShape;
import io.flowloop.engine.TensorScope;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A glyph model under training: parameters, their running mean and the optimiser, on one device.
 */
final class GlyphTrainer implements AutoCloseable {

  private static final double MAX_GRADIENT_NORM = 1;

  private final LoadedDevice device;
  private final PretrainConfig settings;
  private final GlyphConfig config;
  private final GlyphPipeline pipeline;
  private final List<NDArray> parameters;
  private final List<NDArray> means = new ArrayList<>();
  private final AdamW optimizer;

  /** What a step measured. */
  record Outcome(double loss, double gradientNorm, double learningRate) {}

  GlyphTrainer(
      LoadedDevice device,
      PretrainConfig settings,
      GlyphWeights start,
      int imageHeight,
      int imageWidth) {
    this.device = device;
    this.settings = settings;
    this.config = start.config();
    this.pipeline = new GlyphPipeline(device, start, imageHeight, imageWidth);
    this.parameters = List.copyOf(pipeline.denoiser().parameters().values());
    for (NDArray parameter : parameters) {
      means.add(parameter.duplicate());
      parameter.setRequiresGradient(true);
    }
    this.optimizer =
        new AdamW(
            device.kernels(),
            device.manager(),
            parameters,
            settings.weightDecay(),
            MAX_GRADIENT_NORM);
  }

  LatentShape latentShape() {
    return pipeline.latentShape();
  }

  /** Learns from one batch; {@code step} counts from 0. */
  Outcome learn(int step, GlyphBatch batch) {
    double learningRate = learningRate(step);
    double loss;
    double norm;
    try (TensorScope _ = new TensorScope()) {
      loss = backward(batch);
      norm = optimizer.step(learningRate, Gradients.of(parameters));
      Gradients.clear(parameters);
    }
    try (TensorScope _ = new TensorScope()) {
      NDArray weight = device.manager().create((float) (1 - settings.emaDecay()));
      device.kernels().run("ema_step", weight, means, parameters);
    }
    return new Outcome(loss, norm, learningRate);
  }

  private double backward(GlyphBatch batch) {
    NDManager manager = device.manager();
    int k = batch.sigmas().length;
    LatentShape latent = latentShape();
    Shape shape = new Shape(k, latent.tokens(), latent.channels());
    NDArray ids = manager.create(batch.ids(), new Shape(k, GlyphConfig.TEXT_TOKENS));
    NDArray latents = manager.create(batch.latents(), shape);
    NDArray target = manager.create(batch.velocities(), shape);
    NDArray sigmas = manager.create(batch.sigmas());
    Mmdit network = pipeline.denoiser();
    Kernels kernels = device.kernels();
    NDArray loss =
        Gradients.recorded(
            () ->
                kernels.one(
                    "squared_error",
                    network.velocity(
                        latents,
                        network.modulation(sigmas),
                        Pipeline.Text.of(GlyphTransformer.embed(kernels, network, ids))),
                    target));
    Gradients.backward(loss, manager.create(1f));
    return loss.getFloat();
  }

  /** Linear warm-up, then half a cosine down to 0. */
  private double learningRate(int step) {
    double peak = settings.learningRate();
    if (step < settings.warmupSteps()) {
      return peak * (step + 1) / settings.warmupSteps();
    }
    double done =
        (double) (step - settings.warmupSteps())
            / Math.max(1, settings.steps() - settings.warmupSteps());
    return peak * (1 + Math.cos(Math.PI * Math.min(1, done))) / 2;
  }

  /** The running mean of the parameters: the model that is kept. */
  GlyphWeights mean() {
    return new GlyphWeights(config, named(means));
  }

  /** Everything the next step depends on, in plain memory. */
  GlyphCheckpoint checkpoint(int step) {
    return new GlyphCheckpoint(
        step,
        config,
        named(parameters),
        named(means),
        named(optimizer.firstMoments()),
        named(optimizer.secondMoments()),
        optimizer.steps());
  }

  /** Goes on where a checkpoint was taken. */
  void restore(GlyphCheckpoint checkpoint) {
    set(parameters, checkpoint.parameters());
    set(means, checkpoint.means());
    set(optimizer.firstMoments(), checkpoint.firstMoments());
    set(optimizer.secondMoments(), checkpoint.secondMoments());
    optimizer.restore(checkpoint.optimizerSteps());
  }

  private void set(List<NDArray> tensors, Map<String, float[]> values) {
    List<float[]> ordered = List.copyOf(values.values());
    for (int i = 0; i < ordered.size(); i++) {
      device.kernels().assign(tensors.get(i), ordered.get(i));
    }
  }

  private Map<String, float[]> named(List<NDArray> tensors) {
    Map<String, float[]> values = new LinkedHashMap<>();
    int i = 0;
    for (String name : GlyphWeights.layout(config).keySet()) {
      values.put(name, tensors.get(i++).toFloatArray());
    }
    return values;
  }

  @Override
  public void close() {
    optimizer.close();
    pipeline.close();
  }
}
