package io.flowloop.agentloop.http;

import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.RewardPool;

/**
 * The state of a loop at one moment, for those who watch it.
 *
 * @param engines requests and their leases
 * @param rewards what is being scored
 */
public record LoopStats(EngineRouter.Stats engines, RewardPool.Stats rewards) {}
