package io.flowloop.rollout;

import io.flowloop.engine.LearnerState;
import io.flowloop.engine.TrainingSample;
import io.flowloop.engine.UpdateMetrics;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.ChildFailed;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The front of the learner: hands orders to its {@link LearnerRunner}, whose mailbox is their queue
 * and which answers them. Every order is answered, also when there is no learner any more.
 *
 * <p>Stopping the front gives a running update up at its next forward, then closes the learner on
 * its thread. The bound of the queue is what its one asker, the trainer, has asked for.
 */
public final class LearnerActor extends AbstractMatchingBehavior<LearnerActor.Command> {

  public sealed interface Command {
    /** Who is told of a failure, as of all else. */
    ActorRef<? super Failed> replyTo();
  }

  /**
   * Learn from these samples; the answer is an {@link Updated} or a {@link Failed}. After a failure
   * the policy may be half way between two versions, so only {@link Restore} is done then.
   *
   * @param samples of a whole rollout batch, in row order
   * @param trainingStep 0-based
   * @param cancelled asked by the learner's thread, between forwards; once true the update is given
   *     up and fails
   */
  public record Update(
      List<TrainingSample> samples,
      int trainingStep,
      BooleanSupplier cancelled,
      ActorRef<UpdateReply> replyTo)
      implements Command {

    public Update {
      samples = List.copyOf(samples);
    }
  }

  /** Go on from a state; the answer is a {@link Current} or a {@link Failed}. */
  public record Restore(LearnerState state, ActorRef<PolicyReply> replyTo) implements Command {}

  /** Tell the policy; the answer is a {@link Current} or a {@link Failed}. */
  public record GetPolicy(ActorRef<PolicyReply> replyTo) implements Command {}

  public sealed interface UpdateReply {}

  public sealed interface PolicyReply {}

  /** The policy is one version further. */
  public record Updated(UpdateMetrics metrics, PolicySnapshot policy) implements UpdateReply {}

  /** The policy now. */
  public record Current(PolicySnapshot policy) implements PolicyReply {}

  /** An order that brought nothing. */
  public record Failed(Throwable cause) implements UpdateReply, PolicyReply {}

  /** The front of a new learner. If it cannot be created, every order fails with that cause. */
  public static Behavior<Command> create(LearnerFactory factory) {
    return Behaviors.setup(context -> new LearnerActor(context, factory));
  }

  private final ActorRef<Command> runner;
  private final AtomicBoolean stopping = new AtomicBoolean();

  private LearnerActor(ActorContext<Command> context, LearnerFactory factory) {
    super(context);
    runner = context.spawn(LearnerRunner.create(factory), "runner", EngineRunner.FIRST);
    context.watch(runner);
    context.spawn(AtStop.create(() -> stopping.set(true)), "at-stop");
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    runner.tell(
        switch (command) {
          case Update order -> endedByStop(order);
          case Restore order -> order;
          case GetPolicy order -> order;
        });
    return this;
  }

  private Update endedByStop(Update order) {
    return new Update(
        order.samples(),
        order.trainingStep(),
        () -> stopping.get() || order.cancelled().getAsBoolean(),
        order.replyTo());
  }

  /** Only a defect ends the runner early; its asker would wait for ever. */
  @Override
  public Behavior<Command> onSignal(Signal signal) {
    if (signal instanceof ChildFailed failed) {
      throw new IllegalStateException("the learner's thread died", failed.getCause());
    }
    return this;
  }
}
