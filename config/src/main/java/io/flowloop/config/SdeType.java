package io.flowloop.config;

/** Which stochastic reverse step a sampler takes inside its SDE window. */
public enum SdeType {
  /** Flow-GRPO's marginal-preserving SDE (arXiv:2505.05470, eq. 9). */
  SDE,
  /** Coefficient-preserving sampling: total noise stays what the schedule says. */
  CPS,
  /** DanceGRPO's SDE with a constant diffusion coefficient (arXiv:2505.07818). */
  DANCE_SDE,
  /** No stochastic step at all: plain Euler, no log-probs. */
  ODE
}
