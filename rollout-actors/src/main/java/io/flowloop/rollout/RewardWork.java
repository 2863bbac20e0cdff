package io.flowloop.rollout;

import io.flowloop.engine.RgbImage;
import io.flowloop.reward.RewardFunctions;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import org.apache.pekko.actor.typed.Behavior;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What images are scored with in one process, the trainer's or a node's.
 *
 * @param identity all that scores depend on beside prompt and image, in one line; who scores on
 *     another node scores the same if it says the same
 * @param concurrency images scored at once, 1 or more
 * @param timeout longest time that one image may take
 * @param canary what a node must have scored before it is offered to the trainer, if there is
 *     anything
 */
public record RewardWork(
    RewardScorer scorer,
    String identity,
    int concurrency,
    Duration timeout,
    Optional<RewardPool.Image> canary) {

  private static final Logger LOG = LoggerFactory.getLogger(RewardWork.class);

  private static final String CANARY_PROMPT = "\"0\"";

  /** Height and width of the canary, in pixels. */
  private static final int CANARY_SIZE = 64;

  private static final byte GREY = 127;

  /**
   * What a node scores with: a sum of functions, and a grey image as a canary, unless one of them
   * refuses its prompt.
   */
  public static RewardWork of(RewardFunctions functions, int concurrency, Duration timeout) {
    return new RewardWork(
        functions::score, functions.identity(), concurrency, timeout, canary(functions));
  }

  private static Optional<RewardPool.Image> canary(RewardFunctions functions) {
    try {
      functions.checkPrompt(CANARY_PROMPT);
    } catch (IllegalArgumentException e) {
      LOG.info("rewards are not tried before the first image: {}", e.getMessage());
      return Optional.empty();
    }
    byte[] pixels = new byte[CANARY_SIZE * CANARY_SIZE * 3];
    Arrays.fill(pixels, GREY);
    return Optional.of(
        new RewardPool.Image(0, CANARY_PROMPT, new RgbImage(CANARY_SIZE, CANARY_SIZE, pixels)));
  }

  /** A pool of new reward actors. */
  public Behavior<RewardPool.Command> pool() {
    return RewardPool.create(scorer, concurrency, timeout);
  }
}
