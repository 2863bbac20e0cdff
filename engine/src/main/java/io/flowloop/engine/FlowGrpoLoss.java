package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.flowloop.config.LossConfig;

/**
 * The policy loss of k rows at one denoising step, and the KL divergence from the reference.
 *
 * <pre>
 * ρ = exp(logp − logp_old),  D = MEAN[(mean − mean_old)²] / (2 std²)
 *
 * FLOW_GRPO   max(−A·ρ, −A·clip(ρ, 1 − ε, 1 + ε))                                        [1]
 * GRPO_GUARD  the same with ρ = exp((logp − logp_old + D)·std), divided by −dt           [2]
 * FLOW_DPPO   −A·ρ, or 0 where D ≥ limit and (ρ − 1)·A > 0                               [3]
 * KL          MEAN[(mean − mean_ref)²] / (2 s²), s the diffusion coefficient             [1]
 *
 * [1] Flow-GRPO, arXiv:2505.05470   [2] GRPO-Guard, arXiv:2510.22319
 * [3] Divergence PPO for flow models: the ratio's trust region measured by D, without clipping
 * </pre>
 *
 * MEAN over all axes but the row. Log-probs are means as well, so ratios stay within 1e-3 of 1 and
 * clip ranges are as small.
 */
final class FlowGrpoLoss {

  private final LossConfig config;
  private final Kernels kernels;
  private final NDManager manager;

  /**
   * Where k rows went at a denoising step, and with what probability.
   *
   * @param step its mean (k, S, C) and log-probs (k), recorded
   * @param oldLogProb (k), under the policy that drew the rows
   * @param oldMean (k, S, C) of that policy; the step's own mean where {@link #needsOldMean} is
   *     false
   * @param advantages (k)
   * @param coefficients of the step
   * @param fall −dt
   */
  record Terms(
      FlowMatchSdeScheduler.Step step,
      NDArray oldLogProb,
      NDArray oldMean,
      NDArray advantages,
      FlowMatchSdeScheduler.Coefficients coefficients,
      double fall) {

    NDArray logRatio() {
      return step.logProb().sub(oldLogProb);
    }
  }

  /**
   * What comes of it.
   *
   * @param losses (k), recorded
   * @param ratios (k)
   * @param cut (k), 1 where FLOW_DPPO took the gradient away; zeros for the others
   */
  record Losses(NDArray losses, NDArray ratios, NDArray cut) {}

  FlowGrpoLoss(LossConfig config, Kernels kernels, NDManager manager) {
    this.config = config;
    this.kernels = kernels;
    this.manager = manager;
  }

  /** Whether the policy that drew the rows must be asked for its means. */
  boolean needsOldMean() {
    return switch (config.type()) {
      case FLOW_GRPO -> false;
      case GRPO_GUARD, FLOW_DPPO -> true;
    };
  }

  /** The losses of k rows. */
  Losses of(Terms terms) {
    return switch (config.type()) {
      case FLOW_GRPO -> clipped(terms.logRatio(), terms);
      case GRPO_GUARD -> guarded(terms);
      case FLOW_DPPO -> masked(terms);
    };
  }

  private Losses clipped(NDArray logRatio, Terms terms) {
    NDList clipped =
        kernels.run("clipped_loss", logRatio, terms.advantages(), number(config.clipRange()));
    return new Losses(clipped.get(0), clipped.get(1), terms.advantages().zerosLike());
  }

  private Losses guarded(Terms terms) {
    NDArray std = number(terms.coefficients().std());
    NDArray guarded = kernels.one("guarded_log_ratio", terms.logRatio(), shift(terms), std);
    Losses losses = clipped(guarded, terms);
    return new Losses(losses.losses().div(number(terms.fall())), losses.ratios(), losses.cut());
  }

  private Losses masked(Terms terms) {
    NDList masked =
        kernels.run(
            "masked_loss",
            terms.logRatio(),
            terms.advantages(),
            shift(terms),
            number(config.divergenceLimit()));
    return new Losses(masked.get(0), masked.get(1), masked.get(2));
  }

  /** D (k). */
  private NDArray shift(Terms terms) {
    double std = terms.coefficients().std();
    return divergence(terms.step().mean(), terms.oldMean(), 1 / (2 * std * std));
  }

  /**
   * The KL divergence (k) from the reference.
   *
   * @param mean (k, S, C), recorded
   * @param reference (k, S, C)
   */
  NDArray kl(NDArray mean, NDArray reference, FlowMatchSdeScheduler.Coefficients coefficients) {
    double s = coefficients.diffusion();
    return divergence(mean, reference, 1 / (2 * s * s));
  }

  private NDArray divergence(NDArray mean, NDArray other, double scale) {
    return kernels.one("divergence", mean, other, number(scale));
  }

  private NDArray number(double value) {
    return manager.create((float) value);
  }
}
