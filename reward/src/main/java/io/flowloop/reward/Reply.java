package io.flowloop.reward;

import java.time.Duration;
import java.util.Optional;

/** What came of one request to a server that reads images; {@code why} says it of the server. */
sealed interface Reply {

  /** The text of the image, empty where it has none. */
  record Reading(String text) implements Reply {}

  /**
   * Nothing for now; another attempt may come to something.
   *
   * @param pause that the server asks for before it
   */
  record NoAnswer(String why, Optional<Duration> pause) implements Reply {

    NoAnswer(String why) {
      this(why, Optional.empty());
    }
  }

  /** Something that a server in order does not say. */
  record Garbage(String why) implements Reply {}

  /** The answer of a server in order, and no reading. */
  record Refusal(String why) implements Reply {}
}
