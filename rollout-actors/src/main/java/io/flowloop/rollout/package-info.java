/**
 * Who runs an engine and the rewards: rows and how they are cut into rollout requests, and the
 * actors that spread the requests over engines and score what comes back.
 *
 * <pre>
 * Generate → EngineRouter ─lease→ EngineActor ─→ EngineRunner (its own thread) → DiffusionEngine
 * k samples → PostprocessActor ─→ RewardPool ─→ RewardActor (its own thread) → reward functions
 * </pre>
 */
@NullMarked
package io.flowloop.rollout;

import org.jspecify.annotations.NullMarked;
