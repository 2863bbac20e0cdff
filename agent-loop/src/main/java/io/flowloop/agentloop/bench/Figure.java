package io.flowloop.agentloop.bench;

import java.util.Locale;

/** A number that an iteration of a {@link ModelPart} gives. */
public enum Figure {
  /** Milliseconds of all of it. */
  MS,
  /** Milliseconds of the denoising loop alone. */
  DENOISE_MS,
  /** Milliseconds of decoding, image by image. */
  DECODE_MS,
  /** Milliseconds of an update's forwards. */
  FORWARD_MS,
  /** Milliseconds of an update's backwards, which compute blocks again, and of its optimiser. */
  BACKWARD_MS,
  /** Largest |ratio − 1| of an update of fresh data. */
  FRESH_RATIO_ERROR;

  /** {@code denoise_ms}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
