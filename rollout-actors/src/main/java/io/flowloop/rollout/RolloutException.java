package io.flowloop.rollout;

import java.util.Objects;

/**
 * A training step failed, or a rollout or one group of it; the message names prompt, rows and
 * cause.
 */
public final class RolloutException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  public RolloutException(String message) {
    super(message);
  }

  /** A failure at a place, as {@code step 3} or {@code row 17, prompt 'a cat'}. */
  public RolloutException(String place, Throwable cause) {
    super(place + ": " + sentence(cause), cause);
  }

  private static String sentence(Throwable cause) {
    return Objects.requireNonNullElseGet(cause.getMessage(), cause::toString);
  }
}
