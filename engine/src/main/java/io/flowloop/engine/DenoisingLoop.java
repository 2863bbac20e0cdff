package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** The walk of k rows from noise to latents: T forwards of k rows, or of 2k with guidance. */
final class DenoisingLoop {

  private final Pipeline pipeline;
  private final Kernels kernels;
  private final Supplier<Pipeline.Denoiser> denoiser;

  /**
   * @param denoiser the network to walk with, asked once a walk
   */
  DenoisingLoop(Pipeline pipeline, Supplier<Pipeline.Denoiser> denoiser) {
    this.pipeline = pipeline;
    this.denoiser = denoiser;
    this.kernels = pipeline.kernels();
  }

  /** Walks all rows of {@code seeds} together; one trajectory a seed, in their order. */
  List<Trajectory> walk(
      Guidance.Conditioning conditioning,
      List<RowSeed> seeds,
      Sampling sampling,
      StepListener steps) {
    float[] sigmas = pipeline.sigmas(sampling.numInferenceSteps());
    SdeWindow window = sampling.sdeWindow();
    FlowMatchSdeScheduler scheduler =
        new FlowMatchSdeScheduler(sigmas, sampling.sdeType(), sampling.noiseLevel());
    Guidance guidance = new Guidance(pipeline, sampling.guidanceScale());
    List<float[]> states = new ArrayList<>();
    List<float[]> logProbs = new ArrayList<>();
    try (TensorScope _ = new TensorScope()) {
      Pipeline.Text text = guidance.rowsOfText(conditioning, seeds.size());
      Pipeline.Denoiser network = denoiser.get();
      List<NDArray> levels =
          network.conditioning(pipeline.manager().create(scheduler.stepSigmas()));
      NDArray x = initialLatents(seeds);
      for (int i = 0; i < sampling.numInferenceSteps(); i++) {
        if (Thread.currentThread().isInterrupted()) {
          throw new EngineException(
              "interrupted before denoising step %d of %d"
                  .formatted(i, sampling.numInferenceSteps()));
        }
        try (TensorScope step = new TensorScope()) {
          NDArray v =
              guidance.guided(network.velocity(guidance.rowsOfLatents(x), levels.get(i), text));
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
        steps.onStep(i + 1);
      }
      return Unpack.trajectories(seeds.size(), sigmas, window, states, logProbs, x.toFloatArray());
    }
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
