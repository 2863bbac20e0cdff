package io.flowloop.agentloop;

import io.flowloop.engine.TrainingSample;
import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.LearnerActor;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.RolloutRow;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * One training step: a rollout, refills in place of dropped groups, advantages, the update, and the
 * new weights to every engine. Whatever ends it, its result is completed.
 *
 * <p>A result that is completed by another gives a rollout up at once, and an update at its next
 * forward; a weight sync comes to its end. The step lives as long as learner or router are at work
 * for it, so nothing that comes after it can meet them half way.
 */
final class TrainStepActor extends AbstractMatchingBehavior<TrainStepActor.Command> {

  sealed interface Command {}

  private record Drawn(Duration sinceBegun) implements Command {}

  private record RolledOut(RolloutBatch batch) implements Command {}

  /** The cause names the step. */
  private record RolloutFailed(Throwable cause) implements Command {}

  private record FromLearner(Lesson lesson, LearnerActor.UpdateReply reply) implements Command {}

  private record FromRouter(TrainedStep trained, long begun, EngineRouter.SyncReply reply)
      implements Command {}

  private record ResultCompleted() implements Command {}

  /** What the learner was given, and when. */
  private record Lesson(RolloutBatch batch, double[] advantages, long begun) {

    List<TrainingSample> samples() {
      List<RewardedSample> samples = batch.samples();
      if (advantages.length != samples.size()) {
        throw new IllegalArgumentException(
            "advantages: %d (expected: one for each of %d samples)"
                .formatted(advantages.length, samples.size()));
      }
      return IntStream.range(0, samples.size())
          .mapToObj(i -> new TrainingSample(samples.get(i).sample(), advantages[i]))
          .toList();
    }
  }

  /** A step that begins at once. */
  static Behavior<Command> create(
      TrainerActor.TrainStep order,
      RolloutActor.Means means,
      ActorRef<LearnerActor.Command> learner) {
    return Behaviors.setup(context -> new TrainStepActor(context, order, means, learner));
  }

  private final TrainerActor.TrainStep order;
  private final RolloutActor.Means means;
  private final ActorRef<LearnerActor.Command> learner;
  private final List<RolloutRow> rows = new ArrayList<>();
  private final Queue<String> spares;
  private RolloutSpec spec;
  private Optional<RolloutBatch> drawn = Optional.empty();
  private Optional<Duration> lastImage = Optional.empty();
  private TrainedStep.Times times = TrainedStep.Times.NONE;
  private int journaled;
  private boolean awaitsAnswer;

  private TrainStepActor(
      ActorContext<Command> context,
      TrainerActor.TrainStep order,
      RolloutActor.Means means,
      ActorRef<LearnerActor.Command> learner) {
    super(context);
    this.order = order;
    this.means = means;
    this.learner = learner;
    this.spares = new ArrayDeque<>(order.spares());
    this.spec = order.spec();
    // Whoever waits for the result may give it up.
    context.pipeToSelf(order.result(), (_, _) -> new ResultCompleted());
    rollOut();
  }

  private void rollOut() {
    rows.addAll(spec.rows());
    journaled += order.journal().of(spec.rows()).size();
    lastImage = Optional.empty();
    CompletableFuture<RolloutBatch> part = new CompletableFuture<>();
    ActorRef<Command> self = getContext().getSelf();
    getContext()
        .spawnAnonymous(
            RolloutActor.createPart(
                new TrainerActor.Rollout(spec, order.listener(), part),
                means,
                order.journal(),
                sinceBegun -> self.tell(new Drawn(sinceBegun))));
    getContext()
        .pipeToSelf(
            part,
            (batch, failure) ->
                Optional.ofNullable(failure)
                    .<Command>map(RolloutFailed::new)
                    .orElseGet(() -> new RolledOut(batch)));
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    try {
      return switch (command) {
        case Drawn(Duration sinceBegun) -> onDrawn(sinceBegun);
        case RolledOut(RolloutBatch batch) -> onRolledOut(batch);
        case RolloutFailed(Throwable cause) -> end(cause);
        case FromLearner(Lesson lesson, LearnerActor.Updated updated) -> onUpdated(lesson, updated);
        case FromLearner(_, LearnerActor.Failed(Throwable cause)) -> fail("update", cause);
        case FromRouter(TrainedStep trained, long begun, EngineRouter.Synced _) ->
            onSynced(trained, begun);
        case FromRouter(_, _, EngineRouter.SyncFailed(Throwable cause)) ->
            fail("weight sync", cause);
        case ResultCompleted() -> awaitsAnswer ? this : Behaviors.stopped();
      };
    } catch (RuntimeException e) {
      return fail(e);
    }
  }

  private Behavior<Command> onDrawn(Duration sinceBegun) {
    lastImage = Optional.of(sinceBegun);
    return this;
  }

  private Behavior<Command> onRolledOut(RolloutBatch batch) {
    Duration generated = lastImage.orElse(batch.elapsed());
    times = times.plusRollout(generated, batch.elapsed().minus(generated));
    RolloutBatch all = drawn.map(earlier -> earlier.plus(batch)).orElse(batch);
    List<String> refill = refill(batch.dropped().size());
    if (refill.isEmpty()) {
      return learn(all.checkedAgainst(rows).requireGroups());
    }
    drawn = Optional.of(all);
    spec = spec.behind(refill);
    rollOut();
    return this;
  }

  private List<String> refill(int missing) {
    List<String> prompts = new ArrayList<>();
    while (prompts.size() < missing && !spares.isEmpty()) {
      prompts.add(spares.remove());
    }
    return prompts;
  }

  private Behavior<Command> learn(RolloutBatch batch) {
    long begun = System.nanoTime();
    Lesson lesson = new Lesson(batch, order.advantages().of(batch.samples()), begun);
    awaitsAnswer = true;
    learner.tell(
        new LearnerActor.Update(
            lesson.samples(),
            spec.step(),
            order.result()::isDone,
            getContext()
                .messageAdapter(
                    LearnerActor.UpdateReply.class, reply -> new FromLearner(lesson, reply))));
    return this;
  }

  private Behavior<Command> onUpdated(Lesson lesson, LearnerActor.Updated updated) {
    if (order.result().isDone()) {
      return Behaviors.stopped();
    }
    TrainedStep trained =
        new TrainedStep(
            lesson.batch(),
            journaled,
            lesson.advantages(),
            updated.metrics(),
            updated.policy(),
            times.withUpdate(since(lesson.begun())));
    long begun = System.nanoTime();
    means
        .router()
        .tell(
            new EngineRouter.SyncWeights(
                updated.policy().weights(),
                getContext()
                    .messageAdapter(
                        EngineRouter.SyncReply.class,
                        reply -> new FromRouter(trained, begun, reply))));
    return this;
  }

  private Behavior<Command> onSynced(TrainedStep trained, long begun) {
    order.result().complete(trained.withSync(since(begun)));
    return Behaviors.stopped();
  }

  private static Duration since(long nanoTime) {
    return Duration.ofNanos(System.nanoTime() - nanoTime);
  }

  @Override
  public Behavior<Command> onSignal(Signal signal) {
    return signal instanceof PostStop ? fail(new RolloutException("stopped before its end")) : this;
  }

  private Behavior<Command> fail(String stage, Throwable cause) {
    return fail(new RolloutException(stage, cause));
  }

  private Behavior<Command> fail(Throwable cause) {
    return end(new RolloutException("step " + spec.step(), cause));
  }

  private Behavior<Command> end(Throwable failure) {
    order.result().completeExceptionally(failure);
    return Behaviors.stopped();
  }
}
