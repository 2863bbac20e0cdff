package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.ModelConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.Noise;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.TensorScope;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.function.Supplier;

/**
 * A Qwen-Image with random weights whose parts are run by themselves, to be timed: from inputs that
 * lie on the device to a number of the result in plain memory, for which the device has to be done.
 */
public final class QwenImageTrial {

  /** Of all inputs. */
  private static final long SEED = 0;

  private static final String PROMPT = "a sign";

  private final QwenImagePipeline pipeline;

  private QwenImageTrial(QwenImagePipeline pipeline) {
    this.pipeline = pipeline;
  }

  /**
   * Makes the model on its device.
   *
   * @param textTokens of every prompt, 1 or more
   * @param model says all but what the weights are
   * @throws EngineException if the device is missing or the image does not fit the model
   */
  public static QwenImageTrial load(QwenImageGeometry geometry, int textTokens, ModelConfig model) {
    return new QwenImageTrial(
        QwenImagePipeline.load(new RandomSource(geometry, textTokens), model));
  }

  /** The model, to be closed by whoever took it. */
  public Pipeline pipeline() {
    return pipeline;
  }

  /** Tensors of the transformer on the device. */
  public int tensors() {
    return pipeline.weights().size();
  }

  /** What computes the parts of a forward of k {@code rows}, for reports. */
  public SequencedMap<String, String> kernels(int rows) {
    SequencedMap<String, String> kernels = new LinkedHashMap<>();
    kernels.put("linear", pipeline.kernels().linear());
    kernels.put("attention", pipeline.attentionKernel(rows));
    kernels.put("blocks", pipeline.transformer().blockKernels());
    return kernels;
  }

  /** What a walk of so many denoising steps derives from its noise levels. */
  public Duration modulation(int steps) {
    try (TensorScope _ = new TensorScope()) {
      float[] sigmas = new float[steps];
      System.arraycopy(pipeline.sigmas(steps), 0, sigmas, 0, steps);
      NDArray levels = pipeline.manager().create(sigmas);
      return timed("modulation", levels, () -> pipeline.denoiser().conditioning(levels).getLast());
    }
  }

  /** One velocity of k {@code rows} of one prompt. */
  public Duration forward(int rows) {
    return forward(rows, pipeline.denoiser());
  }

  /** Whether the device has fused kernels, without which a forward is one by operators. */
  public boolean isFused() {
    return pipeline.transformer().isFused();
  }

  /** {@link #forward} without fused kernels. */
  public Duration byOperators(int rows) {
    return forward(rows, pipeline.transformer().byOperators());
  }

  private Duration forward(int rows, Pipeline.Denoiser denoiser) {
    try (TensorScope _ = new TensorScope()) {
      Pipeline.LatentShape shape = pipeline.latentShape();
      NDArray latents = noise(new Shape(rows, shape.tokens(), shape.channels()));
      Pipeline.Text text = Pipeline.Text.of(pipeline.textEncoder().encode(PROMPT).tokens());
      NDArray step =
          denoiser.conditioning(pipeline.manager().create(new float[] {0.5f})).getFirst();
      return timed("velocity", step, () -> denoiser.velocity(latents, step, text));
    }
  }

  /** One picture of its latents. */
  public Duration decode() {
    try (TensorScope _ = new TensorScope()) {
      Pipeline.LatentShape shape = pipeline.latentShape();
      NDArray latents = noise(new Shape(1, shape.tokens(), shape.channels()));
      // It may not be on the device yet.
      var _ = pipeline.vae();
      return timed("picture", latents, () -> pipeline.pixels(latents));
    }
  }

  /** The latents of one picture. */
  public Duration encode() {
    try (TensorScope _ = new TensorScope()) {
      NDArray pixels = noise(pipeline.pictures(1));
      QwenImageVae vae = pipeline.vae();
      return timed("latents of a picture", pixels, () -> vae.encode(pixels));
    }
  }

  private NDArray noise(Shape shape) {
    int size = Math.toIntExact(shape.size());
    return pipeline.manager().create(Noise.normals(SEED, Noise.Use.TRAINING_DATA, 0, size), shape);
  }

  /**
   * @param what is computed, in words
   * @param last of the inputs that were made
   */
  private static Duration timed(String what, NDArray last, Supplier<NDArray> computed) {
    var _ = sum(last);
    long begun = System.nanoTime();
    float sum = sum(computed.get());
    Duration taken = Duration.ofNanos(System.nanoTime() - begun);
    if (!Float.isFinite(sum)) {
      throw new EngineException("%s: %s (expected: finite numbers)".formatted(what, sum));
    }
    return taken;
  }

  /** A number that the device has once all before is done. */
  private static float sum(NDArray tensor) {
    return tensor.sum().getFloat();
  }
}
