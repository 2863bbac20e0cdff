package io.flowloop.config;

/** What a configuration is to be used for; decides which rules it has to keep. */
public enum Purpose {
  /** One rollout, or anything else that does not train the policy. */
  ROLLOUT,
  /** Training: everything that a rollout needs, and something to learn from. */
  TRAINING,
  /** A node that joins the cluster of a run. */
  NODE
}
