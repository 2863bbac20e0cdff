package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import java.util.List;

/**
 * The walk without noise from latents that are given, to compare with what another implementation
 * made of them.
 */
public final class ReferenceWalk {

  private ReferenceWalk() {}

  /**
   * Walks one row.
   *
   * @param prompt whose row it is
   * @param latents (1, S, C), where the walk begins
   * @param scale of guidance; 1 is none
   * @return (1, S, C), where it ends
   */
  public static NDArray walk(
      Pipeline pipeline, String prompt, NDArray latents, int numInferenceSteps, double scale) {
    try (TensorScope scope = new TensorScope()) {
      FlowMatchSdeScheduler scheduler =
          new FlowMatchSdeScheduler(
              pipeline.sigmas(numInferenceSteps), io.flowloop.config.SdeType.ODE, 0);
      Guidance guidance = new Guidance(pipeline, scale);
      NDArray tokens = pipeline.textEncoder().encode(prompt).tokens();
      Pipeline.Text text = guidance.rowsOfText(guidance.conditioning(tokens), 1);
      Pipeline.Denoiser denoiser = pipeline.denoiser();
      List<NDArray> levels =
          denoiser.conditioning(pipeline.manager().create(scheduler.stepSigmas()));
      NDArray x = latents;
      for (int i = 0; i < numInferenceSteps; i++) {
        NDArray velocity = denoiser.velocity(guidance.rowsOfLatents(x), levels.get(i), text);
        x = scheduler.odeStep(pipeline.kernels(), x, guidance.guided(velocity), i);
      }
      return scope.keep(x);
    }
  }
}
