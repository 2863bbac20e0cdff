package io.flowloop.rollout;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The front of one engine: takes requests for its {@link EngineRunner}, whose mailbox is their
 * queue, and tells the router what came of them; it answers at once whatever the engine is doing.
 *
 * <p>The queue holds what the router leases to it, a handful; a request that is ready there lets
 * the engine go on without waiting for anybody. Stopping the front lets the running request end,
 * then closes the engine on its thread. It stops by itself when its engine is gone.
 */
final class EngineActor extends AbstractMatchingBehavior<EngineActor.Command> {

  sealed interface Command {}

  /** Draw this; the answer is a {@link Generated} or a {@link Failed} of the same lease. */
  record Generate(long lease, RolloutRequest request) implements Command {}

  /** What the runner has to say, for the router. */
  record Ran(Event event) implements Command {}

  sealed interface Event {
    int engine();
  }

  record Started(int engine) implements Event {}

  record Generated(int engine, long lease, List<Sample> samples) implements Event {}

  record Failed(int engine, long lease, RuntimeException cause) implements Event {}

  /** The engine could not start, or died. */
  record Gone(int engine, EngineException cause) implements Event {}

  static Behavior<Command> create(int index, EngineFactory factory, ActorRef<Event> router) {
    return Behaviors.setup(context -> new EngineActor(context, index, factory, router));
  }

  private final ActorRef<Event> router;
  private final ActorRef<Generate> runner;

  private EngineActor(
      ActorContext<Command> context, int index, EngineFactory factory, ActorRef<Event> router) {
    super(context);
    this.router = router;
    this.runner =
        context.spawn(
            EngineRunner.create(index, factory, context.getSelf()),
            "runner",
            EngineRunner.DISPATCHER);
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    return switch (command) {
      case Generate order -> onGenerate(order);
      case Ran(Event event) -> onRan(event);
    };
  }

  private Behavior<Command> onGenerate(Generate order) {
    runner.tell(order);
    return this;
  }

  private Behavior<Command> onRan(Event event) {
    router.tell(event);
    return event instanceof Gone ? Behaviors.stopped() : this;
  }
}
