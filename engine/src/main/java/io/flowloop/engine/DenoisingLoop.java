package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * The walk of k rows of one prompt from noise to latents: T forwards of k rows, or of 2k with
 * guidance.
 */
final class DenoisingLoop {

  private final Pipeline pipeline;
  private final Kernels kernels;

  DenoisingLoop(Pipeline pipeline) {
    this.pipeline = pipeline;
    this.kernels = pipeline.kernels();
  }

  /**
   * The tokens a walk is conditioned on.
   *
   * @param prompt (1, L, D)
   * @param negative (1, L, D), or the prompt's own where there is no guidance
   */
  record Conditioning(NDArray prompt, NDArray negative) {}

  /** Walks all rows of {@code seeds} together; one trajectory a seed, in their order. */
  List<Trajectory> walk(Conditioning conditioning, List<RowSeed> seeds, Sampling sampling) {
    float[] sigmas = pipeline.sigmas(sampling.numInferenceSteps());
    SdeWindow window = sampling.sdeWindow();
    FlowMatchSdeScheduler scheduler =
        new FlowMatchSdeScheduler(sigmas, sampling.sdeType(), sampling.noiseLevel());
    List<float[]> states = new ArrayList<>();
    List<float[]> logProbs = new ArrayList<>();
    try (TensorScope _ = new TensorScope()) {
      NDArray text = rowsOfText(conditioning, seeds.size(), sampling);
      NDArray x = initialLatents(seeds);
      for (int i = 0; i < sampling.numInferenceSteps(); i++) {
        try (TensorScope step = new TensorScope()) {
          NDArray v = velocity(x, sigmas[i], text, sampling);
          if (window.contains(i)) {
            states.add(x.toFloatArray());
            FlowMatchSdeScheduler.Step taken =
                scheduler.sdeStep(kernels, x, v, stepNoise(seeds, i), i);
            logProbs.add(taken.logProb().toFloatArray());
            x = step.keep(taken.after());
          } else {
            x = step.keep(scheduler.odeStep(kernels, x, v, i));
          }
        }
        if (window.size() > 0 && i == window.end() - 1) {
          states.add(x.toFloatArray());
        }
      }
      return Unpack.trajectories(seeds.size(), sigmas, window, states, logProbs, x.toFloatArray());
    }
  }

  private NDArray velocity(NDArray x, float sigma, NDArray text, Sampling sampling) {
    NDArray sigmas = pipeline.manager().create(new float[] {sigma});
    if (!guided(sampling)) {
      return pipeline.denoiser().velocity(x, sigmas, text);
    }
    NDArray both = pipeline.denoiser().velocity(x.concat(x), sigmas, text);
    NDArray scale = pipeline.manager().create((float) sampling.guidanceScale());
    return kernels.one("guide", both, scale);
  }

  /** The text of each row of a forward: the prompt's, behind the negative one's if guided. */
  private static NDArray rowsOfText(Conditioning conditioning, int k, Sampling sampling) {
    NDArray prompt = repeat(conditioning.prompt(), k);
    return guided(sampling) ? repeat(conditioning.negative(), k).concat(prompt) : prompt;
  }

  private static NDArray repeat(NDArray tokens, int k) {
    Shape one = tokens.getShape();
    return tokens.broadcast(k, one.get(1), one.get(2));
  }

  static boolean guided(Sampling sampling) {
    return sampling.guidanceScale() != 1;
  }

  private NDArray initialLatents(List<RowSeed> seeds) {
    int size = pipeline.latentShape().size();
    float[] noise = new float[seeds.size() * size];
    for (int row = 0; row < seeds.size(); row++) {
      Noise.initialLatents(seeds.get(row).seed(), noise, row * size, size);
    }
    return latents(noise, seeds.size());
  }

  private NDArray stepNoise(List<RowSeed> seeds, int denoisingStep) {
    int size = pipeline.latentShape().size();
    float[] noise = new float[seeds.size() * size];
    for (int row = 0; row < seeds.size(); row++) {
      Noise.stepNoise(seeds.get(row).seed(), denoisingStep, noise, row * size, size);
    }
    return latents(noise, seeds.size());
  }

  private NDArray latents(float[] values, int rows) {
    Pipeline.LatentShape shape = pipeline.latentShape();
    return pipeline.manager().create(values, new Shape(rows, shape.tokens(), shape.channels()));
  }
}
