package io.flowloop.config;

/** How the ratio of new to old probability becomes a loss. */
public enum LossType {
  /** Clipped ratios of mean log-probs (arXiv:2505.05470). */
  FLOW_GRPO,
  /** Ratios of one scale at every denoising step, centred by the shift of the mean. */
  GRPO_GUARD,
  /**
   * No clipping: a term whose policy has moved too far in the direction of its advantage is cut.
   */
  FLOW_DPPO
}
