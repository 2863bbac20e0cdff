package io.flowloop.agentloop;

import io.flowloop.config.ClusterConfig;

/**
 * The cluster that a run is the trainer of.
 *
 * @param config who may join, and how
 * @param model all that samples depend on beside requests and synced weights; engines of another
 *     are left alone
 * @param rewards all that scores depend on beside prompt and image; nodes with others are left
 *     alone
 */
record TrainerCluster(ClusterConfig config, String model, String rewards) {}
