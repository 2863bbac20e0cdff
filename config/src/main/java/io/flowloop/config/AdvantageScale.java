package io.flowloop.config;

/** What the difference between a reward and its group's mean is divided by. */
public enum AdvantageScale {
  /** The standard deviation of all rewards of the rollout batch. */
  GLOBAL_STD,
  /** The standard deviation of the group's own rewards. */
  GROUP_STD,
  /** Nothing (Dr. GRPO, arXiv:2503.20783). */
  NONE
}
