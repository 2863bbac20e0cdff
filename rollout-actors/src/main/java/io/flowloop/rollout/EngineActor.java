package io.flowloop.rollout;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The front of one engine: takes orders for its {@link EngineRunner}, whose mailbox is their queue,
 * and tells the router what came of them; it answers at once whatever the engine is doing.
 *
 * <p>The queue holds what the router leases to it, a handful, and weights behind that; a request
 * that is ready there lets the engine go on without waiting for anybody. Stopping the front ends
 * the running request at its next denoising step, then closes the engine on its thread. It stops by
 * itself when its engine is gone.
 */
final class EngineActor extends AbstractMatchingBehavior<EngineActor.Command> {

  sealed interface Command {}

  /** What the runner does, one after the other. */
  sealed interface Order extends Command, WireMessage {}

  /** Draw this; the answer is a {@link Generated} or a {@link Failed} of the same lease. */
  record Generate(long lease, RolloutRequest request) implements Order {}

  /**
   * Draw with these from now on; the answer is a {@link Loaded}, a {@link Refused} or a {@link
   * Gone}.
   */
  record Load(PolicyWeights weights) implements Order {}

  /** What the runner has to say, for the router. */
  record Ran(Event event) implements Command {}

  sealed interface Event extends WireMessage {
    int engine();
  }

  record Started(int engine) implements Event {}

  record Generated(int engine, long lease, List<Sample> samples) implements Event {}

  record Failed(int engine, long lease, RuntimeException cause) implements Event {}

  /** What the engine draws with now, and its checksum as it lies on the device. */
  record Loaded(int engine, long policyVersion, long checksum) implements Event {}

  /** The weights are of another model; the engine draws with those it had. */
  record Refused(int engine, EngineException cause) implements Event {}

  /** The engine could not start or load weights, or died. */
  record Gone(int engine, EngineException cause) implements Event {}

  static Behavior<Command> create(int index, EngineFactory factory, ActorRef<Event> router) {
    return Behaviors.setup(context -> new EngineActor(context, index, factory, router));
  }

  private final ActorRef<Event> router;
  private final ActorRef<Order> runner;

  private EngineActor(
      ActorContext<Command> context, int index, EngineFactory factory, ActorRef<Event> router) {
    super(context);
    this.router = router;
    Interruption interruption = new Interruption();
    this.runner =
        context.spawn(
            EngineRunner.create(index, factory, interruption, context.getSelf()),
            "runner",
            EngineRunner.dispatcher(index));
    context.spawn(AtStop.create(interruption::stop), "at-stop");
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    return switch (command) {
      case Order order -> onOrder(order);
      case Ran(Event event) -> onRan(event);
    };
  }

  private Behavior<Command> onOrder(Order order) {
    runner.tell(order);
    return this;
  }

  private Behavior<Command> onRan(Event event) {
    router.tell(event);
    return event instanceof Gone ? Behaviors.stopped() : this;
  }
}
