package io.flowloop.rollout;

import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** Scores one sample after the other on a thread of its own; whatever is thrown is the answer. */
final class RewardActor extends AbstractMatchingBehavior<RewardPool.Score> {

  /** One thread for each actor; see reference.conf. */
  static final DispatcherSelector DISPATCHER =
      DispatcherSelector.fromConfig("flowloop.reward-dispatcher");

  static Behavior<RewardPool.Score> create(RewardScorer scorer, ActorRef<RewardPool.Command> pool) {
    return Behaviors.setup(context -> new RewardActor(context, scorer, pool));
  }

  private final RewardScorer scorer;
  private final ActorRef<RewardPool.Command> pool;
  private final RewardPool.Worker self;

  private RewardActor(
      ActorContext<RewardPool.Score> context,
      RewardScorer scorer,
      ActorRef<RewardPool.Command> pool) {
    super(context);
    this.scorer = scorer;
    this.pool = pool;
    this.self = new RewardPool.Worker(context.getSelf(), Thread.currentThread());
    pool.tell(new RewardPool.Ready(self));
  }

  @Override
  public Behavior<RewardPool.Score> onMessage(RewardPool.Score order) {
    pool.tell(new RewardPool.Done(self, answer(order)));
    return this;
  }

  private RewardPool.Reply answer(RewardPool.Score order) {
    try {
      return new RewardPool.Scored(order.sample(), scorer.score(order.prompt(), order.image()));
    } catch (Throwable e) {
      // Errors too: a native library that is missing must fail the sample, not the JVM.
      return new RewardPool.Failed(order.sample(), e);
    }
  }
}
