package io.flowloop.rollout;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
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
  sealed interface Order extends Command {}

  /** A request, and what its answer calls it by. */
  record Leased(long lease, RolloutRequest request) {}

  /**
   * Draw these together, if there are several; the answer is a {@link Generated} or a {@link
   * Failed} for each lease.
   *
   * @param leased of equal sampling, 1 or more
   */
  record Generate(List<Leased> leased) implements Order {}

  /**
   * Draw with these from now on; the answer is a {@link Loaded}, a {@link Refused} or a {@link
   * Gone}.
   */
  record Load(PolicyWeights weights) implements Order {}

  /**
   * Do not begin with this, if it has not begun; the answer is a {@link Cancelled}, or that of the
   * lease.
   */
  record Cancel(long lease) implements Command {}

  /** What the runner has to say, for the router. */
  record Ran(Event event) implements Command {}

  sealed interface Event {
    int engine();
  }

  record Started(int engine) implements Event {}

  /**
   * The engine has done another denoising step of what it draws: it is alive.
   *
   * @param lease the first of those that it draws
   * @param done denoising steps that have ended, 1 or more
   */
  record Stepped(int engine, long lease, int done) implements Event {}

  record Generated(int engine, long lease, List<Sample> samples) implements Event {}

  /** The engine has not begun with the lease, and will not. */
  record Cancelled(int engine, long lease) implements Event {}

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
  private final Set<Long> open = new HashSet<>();

  /** Shared with the runner's thread. */
  private final Set<Long> cancelled = ConcurrentHashMap.newKeySet();

  private EngineActor(
      ActorContext<Command> context, int index, EngineFactory factory, ActorRef<Event> router) {
    super(context);
    this.router = router;
    Interruption interruption = new Interruption();
    this.runner =
        context.spawn(
            EngineRunner.create(index, factory, interruption, cancelled, context.getSelf()),
            "runner",
            EngineRunner.dispatcher(index));
    context.spawn(AtStop.create(interruption::stop), "at-stop");
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    return switch (command) {
      case Order order -> onOrder(order);
      case Cancel(long lease) -> onCancel(lease);
      case Ran(Event event) -> onRan(event);
    };
  }

  private Behavior<Command> onOrder(Order order) {
    if (order instanceof Generate(List<Leased> leased)) {
      leased.forEach(each -> open.add(each.lease()));
    }
    runner.tell(order);
    return this;
  }

  /** The runner looks before it begins: behind a forward it would read the message too late. */
  private Behavior<Command> onCancel(long lease) {
    if (open.contains(lease)) {
      cancelled.add(lease);
    }
    return this;
  }

  private Behavior<Command> onRan(Event event) {
    endedLease(event).ifPresent(this::end);
    router.tell(event);
    return event instanceof Gone ? Behaviors.stopped() : this;
  }

  private static Optional<Long> endedLease(Event event) {
    return switch (event) {
      case Generated done -> Optional.of(done.lease());
      case Failed failed -> Optional.of(failed.lease());
      case Cancelled left -> Optional.of(left.lease());
      case Started _, Stepped _, Loaded _, Refused _, Gone _ -> Optional.empty();
    };
  }

  private void end(long lease) {
    open.remove(lease);
    cancelled.remove(lease);
  }
}
