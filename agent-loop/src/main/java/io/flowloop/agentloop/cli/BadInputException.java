package io.flowloop.agentloop.cli;

import io.flowloop.engine.EngineException;
import java.util.function.Supplier;

/** What the user gave cannot be used; the message says what to give. Nothing was created. */
final class BadInputException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  BadInputException(String message) {
    super(message);
  }

  BadInputException(String message, Throwable cause) {
    super(message, cause);
  }

  /** What comes of something that the user named, with bad input instead of engine failures. */
  static <T> T instead(Supplier<T> reading) {
    try {
      return reading.get();
    } catch (EngineException e) {
      throw new BadInputException(String.valueOf(e.getMessage()), e);
    }
  }
}
