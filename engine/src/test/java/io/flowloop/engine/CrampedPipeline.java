package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Dtype;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Consumer;
import java.util.function.IntUnaryOperator;

/**
 * A pipeline on a device without memory for a forward of more than so many rows of the network:
 * beyond them it asks libtorch for more than there can be.
 */
final class CrampedPipeline implements Pipeline {

  /** More bytes than a process can address. */
  private static final Shape ABSURD = new Shape(1L << 50);

  /** Rows of every forward of the network, those that failed included, in their order. */
  final List<Integer> forwards = new ArrayList<>();

  /** What happens in a forward of too many rows. */
  Consumer<NDManager> failure = CrampedPipeline::exhaust;

  private final Pipeline pipeline;
  private final IntUnaryOperator fittingRows;

  /**
   * @param fittingRows most rows of a forward that fit, by the number of forwards before it
   */
  CrampedPipeline(Pipeline pipeline, IntUnaryOperator fittingRows) {
    this.pipeline = pipeline;
    this.fittingRows = fittingRows;
  }

  /** Fails as libtorch fails without memory. */
  static void exhaust(NDManager manager) {
    manager.zeros(ABSURD);
  }

  private final class CrampedDenoiser implements Denoiser {

    private final Denoiser denoiser;

    CrampedDenoiser(Denoiser denoiser) {
      this.denoiser = denoiser;
    }

    @Override
    public List<NDArray> conditioning(NDArray sigmas) {
      return denoiser.conditioning(sigmas);
    }

    @Override
    public NDArray velocity(NDArray latents, NDArray conditioning, Text text) {
      int rows = Math.toIntExact(latents.getShape().get(0));
      boolean fits = rows <= fittingRows.applyAsInt(forwards.size());
      forwards.add(rows);
      if (!fits) {
        failure.accept(manager());
      }
      return denoiser.velocity(latents, conditioning, text);
    }

    @Override
    public Recording checkpointed(NDArray latents, NDArray sigmas, int step, Text text) {
      return denoiser.checkpointed(latents, sigmas, step, text);
    }
  }

  @Override
  public Denoiser denoiser() {
    return new CrampedDenoiser(pipeline.denoiser());
  }

  @Override
  public Denoiser denoiser(Map<String, NDArray> weights) {
    return new CrampedDenoiser(pipeline.denoiser(weights));
  }

  @Override
  public TextEncoder textEncoder() {
    return pipeline.textEncoder();
  }

  @Override
  public ImageDecoder imageDecoder() {
    return pipeline.imageDecoder();
  }

  @Override
  public SequencedMap<String, NDArray> weights() {
    return pipeline.weights();
  }

  @Override
  public SequencedMap<String, Layer> layers() {
    return pipeline.layers();
  }

  @Override
  public Dtype dtype() {
    return pipeline.dtype();
  }

  @Override
  public LatentShape latentShape() {
    return pipeline.latentShape();
  }

  @Override
  public float[] sigmas(int numInferenceSteps) {
    return pipeline.sigmas(numInferenceSteps);
  }

  @Override
  public Kernels kernels() {
    return pipeline.kernels();
  }

  @Override
  public NDManager manager() {
    return pipeline.manager();
  }

  @Override
  public String attentionKernel(int rows) {
    return pipeline.attentionKernel(rows);
  }

  @Override
  public String device() {
    return pipeline.device();
  }

  @Override
  public void close() {
    pipeline.close();
  }
}
