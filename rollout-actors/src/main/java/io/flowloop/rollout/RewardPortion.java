package io.flowloop.rollout;

import io.flowloop.rollout.RewardPool.Answer;
import io.flowloop.rollout.RewardPool.Image;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.function.LongSupplier;

/**
 * The images that a reward actor scores one after the other, and how far it is. The pool and the
 * actor's thread share it: the pool looks at it when a reward may be overdue, and a thread that was
 * given up finds nothing more to do here.
 */
final class RewardPortion {

  private final RewardPool.Score order;
  private final LongSupplier clock;

  /** The first of them is being scored. */
  private final Queue<Image> left;

  private final List<Answer> answers = new ArrayList<>();
  private long lastAnswer;

  /**
   * A portion that is begun now.
   *
   * @param clock in nanoseconds
   */
  RewardPortion(RewardPool.Score order, LongSupplier clock) {
    this.order = order;
    this.clock = clock;
    this.left = new ArrayDeque<>(order.images());
    this.lastAnswer = clock.getAsLong();
  }

  RewardPool.Score order() {
    return order;
  }

  /** The image to score now; empty if there is none left. */
  synchronized Optional<Image> next() {
    return Optional.ofNullable(left.peek());
  }

  /** What came of {@link #next}; ignored if nothing is left. */
  synchronized void answer(Answer answer) {
    if (left.poll() != null) {
      answers.add(answer);
      lastAnswer = clock.getAsLong();
    }
  }

  /** The answers so far. */
  synchronized List<Answer> answers() {
    return List.copyOf(answers);
  }

  /** How long the image that is being scored has taken. */
  synchronized Duration sinceLastAnswer() {
    return Duration.ofNanos(clock.getAsLong() - lastAnswer);
  }

  /** Leaves nothing to do, as nobody waits for the answers. */
  synchronized void forget() {
    left.clear();
  }

  /**
   * If the image that is being scored has taken as long as that, it fails with this cause, nothing
   * is left to do, and the images behind it are returned.
   */
  synchronized Optional<List<Image>> endAfter(Duration timeout, Throwable cause) {
    if (sinceLastAnswer().compareTo(timeout) < 0) {
      return Optional.empty();
    }
    next().ifPresent(late -> answer(new RewardPool.Failed(late.sample(), cause)));
    List<Image> behind = List.copyOf(left);
    left.clear();
    return Optional.of(behind);
  }
}
