package io.flowloop.rollout;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.Learner;
import io.flowloop.engine.LearnerState;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.UpdateMetrics;
import java.util.concurrent.CancellationException;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.PreRestart;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The actor that owns a {@link Learner}: creates it, has it learn and closes it on the thread of
 * the first engine, one order after the other.
 *
 * <p>An exception is the order's failure. An {@link Error} is the learner's end, as it is when the
 * learner cannot be created; every order fails then.
 */
final class LearnerRunner extends AbstractMatchingBehavior<LearnerActor.Command> {

  static Behavior<LearnerActor.Command> create(LearnerFactory factory) {
    return Behaviors.setup(
        context -> {
          try {
            return new LearnerRunner(context, factory.create());
          } catch (Throwable e) {
            // Errors too: without its native library a learner must end the run, not the JVM.
            return refusing(ended("could not start", e));
          }
        });
  }

  private final Learner learner;
  private boolean halfway;

  private LearnerRunner(ActorContext<LearnerActor.Command> context, Learner learner) {
    super(context);
    this.learner = learner;
  }

  @Override
  public Behavior<LearnerActor.Command> onMessage(LearnerActor.Command command) {
    try {
      switch (command) {
        case LearnerActor.Update order -> onUpdate(order);
        case LearnerActor.Restore(LearnerState state, ActorRef<LearnerActor.PolicyReply> asker) ->
            onRestore(state, asker);
        case LearnerActor.GetPolicy(ActorRef<LearnerActor.PolicyReply> asker) -> onGetPolicy(asker);
      }
      return this;
    } catch (RuntimeException e) {
      command.replyTo().tell(new LearnerActor.Failed(e));
      return this;
    } catch (Error e) {
      return end(command, e);
    }
  }

  private void onUpdate(LearnerActor.Update order) {
    requireWhole();
    if (order.cancelled().getAsBoolean()) {
      throw new CancellationException("the update was given up before it began");
    }
    halfway = true;
    UpdateMetrics metrics =
        learner.update(order.samples(), order.trainingStep(), order.cancelled());
    halfway = false;
    order.replyTo().tell(new LearnerActor.Updated(metrics, snapshot()));
  }

  private void onRestore(LearnerState state, ActorRef<LearnerActor.PolicyReply> asker) {
    learner.restore(state);
    halfway = false;
    asker.tell(new LearnerActor.Current(snapshot()));
  }

  private void onGetPolicy(ActorRef<LearnerActor.PolicyReply> asker) {
    requireWhole();
    asker.tell(new LearnerActor.Current(snapshot()));
  }

  private void requireWhole() {
    if (halfway) {
      throw new EngineException(
          "the policy is half way through an update that failed (expected: a state restored first)");
    }
  }

  private PolicySnapshot snapshot() {
    PolicyWeights weights = learner.weights();
    return new PolicySnapshot(weights, learner.averagedWeights().orElse(weights), learner.state());
  }

  private Behavior<LearnerActor.Command> end(LearnerActor.Command command, Error error) {
    EngineException cause = ended("died", error);
    getContext().getLog().error(cause.getMessage());
    command.replyTo().tell(new LearnerActor.Failed(cause));
    learner.close();
    return refusing(cause);
  }

  private static Behavior<LearnerActor.Command> refusing(EngineException cause) {
    return Behaviors.receiveMessage(
        command -> {
          command.replyTo().tell(new LearnerActor.Failed(cause));
          return Behaviors.same();
        });
  }

  private static EngineException ended(String how, Throwable cause) {
    String what = cause instanceof EngineException ? cause.getMessage() : cause.toString();
    return new EngineException("the learner %s: %s".formatted(how, what), cause);
  }

  @Override
  public Behavior<LearnerActor.Command> onSignal(Signal signal) {
    if (signal instanceof PostStop || signal instanceof PreRestart) {
      learner.close();
    }
    return this;
  }
}
