package io.flowloop.rollout;

import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * A child that does something as soon as its parent is being stopped. The parent itself hears of
 * that only when all of its children have ended, the busy ones among them.
 */
final class AtStop {

  private AtStop() {}

  static Behavior<Void> create(Runnable action) {
    return Behaviors.receive(Void.class)
        .onSignal(
            PostStop.class,
            _ -> {
              action.run();
              return Behaviors.same();
            })
        .build();
  }
}
