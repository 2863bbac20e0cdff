package io.flowloop.rollout;

import io.flowloop.engine.RolloutRequest;

/**
 * What a node draws with.
 *
 * @param engines makes its engines
 * @param count of them, 1 or more
 * @param model all that samples depend on beside requests and synced weights, as the trainer says
 *     it
 * @param canary what an engine must draw before it is offered to the trainer
 */
public record EngineWork(EngineFactory engines, int count, String model, RolloutRequest canary) {}
