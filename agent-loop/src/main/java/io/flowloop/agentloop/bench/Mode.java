package io.flowloop.agentloop.bench;

import java.util.Locale;

/** How the rows of a prompt are cut into rollout requests. */
public enum Mode {
  /** n single requests: {@code rollout.enableBatchedDiffusion} is off. */
  CONCURRENT,
  /** One request of n seeds. */
  BATCHED;

  /** As users write it. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }

  boolean isBatched() {
    return this == BATCHED;
  }
}
