package io.flowloop.config;

/** Where in its range the SDE window of a training step lies; all groups of a step share it. */
public enum SdeWindowStrategy {
  /** It fills the range. */
  WHOLE,
  /** Anywhere, drawn anew for each training step from the run's seed. */
  RANDOM,
  /** From the first place to the last, one on every few training steps (MixGRPO, 2507.21802). */
  PROGRESSIVE
}
