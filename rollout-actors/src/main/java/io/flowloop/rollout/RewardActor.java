package io.flowloop.rollout;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** Scores one image after the other on a thread of its own; whatever is thrown is the answer. */
final class RewardActor extends AbstractMatchingBehavior<RewardPortion> {

  /** One thread for each actor; see reference.conf. */
  static final DispatcherSelector DISPATCHER =
      DispatcherSelector.fromConfig("flowloop.reward-dispatcher");

  /**
   * A new actor, which tells the pool so.
   *
   * @param stopping true as soon as the pool is to end: nothing is scored any more then
   */
  static Behavior<RewardPortion> create(
      RewardScorer scorer, ActorRef<RewardPool.Command> pool, AtomicBoolean stopping) {
    return Behaviors.setup(context -> new RewardActor(context, scorer, pool, stopping));
  }

  private final RewardScorer scorer;
  private final ActorRef<RewardPool.Command> pool;
  private final AtomicBoolean stopping;
  private final RewardPool.Worker self;

  private RewardActor(
      ActorContext<RewardPortion> context,
      RewardScorer scorer,
      ActorRef<RewardPool.Command> pool,
      AtomicBoolean stopping) {
    super(context);
    this.scorer = scorer;
    this.pool = pool;
    this.stopping = stopping;
    this.self = new RewardPool.Worker(context.getSelf(), Thread.currentThread());
    pool.tell(new RewardPool.Ready(self));
  }

  @Override
  public Behavior<RewardPortion> onMessage(RewardPortion portion) {
    Optional<RewardPool.Image> image = portion.next();
    while (image.isPresent() && !stopping.get()) {
      portion.answer(answer(image.get()));
      image = portion.next();
    }
    pool.tell(new RewardPool.Done(self));
    return this;
  }

  private RewardPool.Answer answer(RewardPool.Image image) {
    try {
      return new RewardPool.Scored(image.sample(), scorer.score(image.prompt(), image.pixels()));
    } catch (Throwable e) {
      // Errors too: a native library that is missing must fail the sample, not the JVM.
      return new RewardPool.Failed(image.sample(), e);
    }
  }
}
