/**
 * Who runs engines, rewards and the learner: rows and how they are cut into rollout requests, the
 * actors that spread the requests over engines and score what comes back, and the one that learns.
 *
 * <pre>
 * Generate → EngineRouter ─lease→ EngineActor ─→ EngineRunner (its own thread) → DiffusionEngine
 * k samples → PostprocessActor ─→ RewardPool ─→ RewardActor (its own thread) → reward functions
 * Update → LearnerActor ─→ LearnerRunner (its own thread) → Learner
 * SyncWeights → EngineRouter → every EngineActor ─→ EngineRunner → DiffusionEngine
 * </pre>
 */
@NullMarked
package io.flowloop.rollout;

import org.jspecify.annotations.NullMarked;
