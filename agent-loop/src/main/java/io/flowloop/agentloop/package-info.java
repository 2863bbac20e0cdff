/**
 * The loop: prompts become rows, workers have them drawn and rewarded, and a rollout batch comes
 * back. {@link io.flowloop.agentloop.RolloutRunner} is the way in.
 */
@NullMarked
package io.flowloop.agentloop;

import org.jspecify.annotations.NullMarked;
