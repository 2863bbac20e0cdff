package io.flowloop.config;

/** What happens when a reward has failed and failed again: it never becomes a 0. */
public enum OnFailure {
  /** The run stops, naming prompt, row and cause. */
  FAIL_RUN,
  /** The whole group is left out of the batch and counted. */
  DROP_GROUP
}
