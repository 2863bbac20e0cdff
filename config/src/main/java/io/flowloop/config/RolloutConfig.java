package io.flowloop.config;

import java.time.Duration;

/**
 * How many images are drawn, and how their rows are cut into rollout requests and forwards.
 *
 * @param n images of each prompt, one group
 * @param enableBatchedDiffusion one request of n seeds for each prompt rather than n requests of
 *     one; changes speed and nothing else
 * @param seed run seed; with the step and the row it decides all noise of a sample
 * @param engines copies of the model in this JVM
 * @param workers agent-loop workers
 * @param maxRowsPerForward rows of one forward at most, fewer where memory runs out; a larger
 *     request takes several
 * @param packGroups rollout requests that may share a forward, 1 for none; changes speed, and
 *     samples by rounding alone
 * @param requestTimeout longest wait for one rollout request
 * @param agentLoop name of the agent loop that turns prompts into requests
 */
public record RolloutConfig(
    int n,
    boolean enableBatchedDiffusion,
    long seed,
    int engines,
    int workers,
    int maxRowsPerForward,
    int packGroups,
    Duration requestTimeout,
    String agentLoop) {

  /** The same with groups of {@code rows} images, batched or not. */
  public RolloutConfig withGroups(int rows, boolean batched) {
    return new RolloutConfig(
        rows,
        batched,
        seed,
        engines,
        workers,
        maxRowsPerForward,
        packGroups,
        requestTimeout,
        agentLoop);
  }

  /** The same with an agent loop of this name. */
  public RolloutConfig withAgentLoop(String name) {
    return new RolloutConfig(
        n,
        enableBatchedDiffusion,
        seed,
        engines,
        workers,
        maxRowsPerForward,
        packGroups,
        requestTimeout,
        name);
  }
}
