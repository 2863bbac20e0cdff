package io.flowloop.agentloop.bench;

import java.util.Locale;

/** What is measured of a model by itself. */
public enum ModelPart {
  /** What a walk derives from its noise levels, for all of its steps at once. */
  MODULATION,
  /** One forward of the transformer. */
  FORWARD,
  /** One forward without fused kernels, where there are some. */
  OPERATORS,
  /** A whole denoising loop and the pictures behind it. */
  LOOP,
  /** The VAE, from the latents of a picture to the picture. */
  DECODE,
  /** The VAE, from a picture to its latents. */
  ENCODE,
  /** A training step of adapters. */
  TRAINING;

  /** {@code forward}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
