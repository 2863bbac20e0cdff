package io.flowloop.config;

/** How the learning rate goes on after its warm-up, over the training steps of a run. */
public enum LearningRateDecay {
  /** It stays. */
  CONSTANT,
  /** In a straight line to 0. */
  LINEAR,
  /** Half a cosine to 0. */
  COSINE
}
