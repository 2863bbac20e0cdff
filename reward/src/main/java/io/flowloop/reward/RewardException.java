package io.flowloop.reward;

/**
 * An image that has no reward: a function threw or answered no finite number; the message says
 * which.
 */
public final class RewardException extends Exception {

  private static final long serialVersionUID = 1L;

  RewardException(String message) {
    super(message);
  }

  RewardException(String message, Throwable cause) {
    super(message, cause);
  }
}
