package io.flowloop.rollout;

import java.time.Duration;
import org.apache.pekko.actor.typed.Behavior;

/**
 * What images are scored with in one process, the trainer's or a node's.
 *
 * @param identity all that scores depend on beside prompt and image, in one line; who scores on
 *     another node scores the same if it says the same
 * @param concurrency images scored at once, 1 or more
 * @param timeout longest time that one image may take
 */
public record RewardWork(RewardScorer scorer, String identity, int concurrency, Duration timeout) {

  /** A pool of new reward actors. */
  public Behavior<RewardPool.Command> pool() {
    return RewardPool.create(scorer, concurrency, timeout);
  }
}
