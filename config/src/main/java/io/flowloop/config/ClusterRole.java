package io.flowloop.config;

import java.util.Locale;

/** What a node of a cluster does. */
public enum ClusterRole {
  /** The loop and the learner; one node of a cluster has it. */
  TRAINER,
  /** Agent loops, between prompts and engines. */
  WORKER,
  /** Engines, which draw. */
  ENGINE,
  /** Reward functions. */
  REWARD;

  /** The name that members of a cluster know it by. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
