package io.flowloop.rollout;

import io.flowloop.engine.RgbImage;
import io.flowloop.reward.Reward;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.TimeoutException;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;

/**
 * Gives samples to a fixed number of {@link RewardActor}s, first come, first served. The bound of
 * its queue is the rows of a step.
 *
 * <p>A reward that takes longer than the timeout has failed. Java cannot end its thread, so the
 * thread is interrupted and left to itself, and a new actor with a new thread takes its place: the
 * pool never shrinks, and a reward function that ignores interrupts costs a thread each time.
 */
public final class RewardPool extends AbstractMatchingBehavior<RewardPool.Command> {

  public sealed interface Command {}

  /**
   * Score this image; the answer, a {@link Scored} or a {@link Failed}, repeats {@code sample}. If
   * the asker stops first, the image is forgotten.
   */
  public record Score(int sample, String prompt, RgbImage image, ActorRef<Reply> replyTo)
      implements Command {}

  /** Tell how much is waiting. */
  record GetStats(ActorRef<Stats> replyTo) implements Command {}

  /** A new reward actor waits for its first image. */
  record Ready(Worker worker) implements Command {}

  /** A reward actor waits for its next image. */
  record Done(Worker worker, Reply reply) implements Command {}

  private record Overdue(Worker worker) implements Command {}

  public sealed interface Reply {
    int sample();
  }

  public record Scored(int sample, Reward reward) implements Reply {}

  public record Failed(int sample, Throwable cause) implements Reply {}

  /**
   * The state of the pool at one moment.
   *
   * @param waiting images without a thread
   * @param busy images being scored
   */
  record Stats(int waiting, int busy) {}

  /** A reward actor and its thread. */
  record Worker(ActorRef<Score> actor, Thread thread) {}

  /**
   * A pool of new reward actors.
   *
   * @param concurrency images scored at once, 1 or more
   * @param timeout longest time that one image may take
   */
  public static Behavior<Command> create(RewardScorer scorer, int concurrency, Duration timeout) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> new RewardPool(context, timers, scorer, concurrency, timeout)));
  }

  private final TimerScheduler<Command> timers;
  private final RewardScorer scorer;
  private final Duration timeout;
  private final Queue<Score> waiting = new ArrayDeque<>();
  private final Queue<Worker> idle = new ArrayDeque<>();
  private final Map<Worker, Score> busy = new HashMap<>();

  private RewardPool(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      RewardScorer scorer,
      int concurrency,
      Duration timeout) {
    super(context);
    this.timers = timers;
    this.scorer = scorer;
    this.timeout = timeout;
    for (int i = 0; i < concurrency; i++) {
      spawnWorker();
    }
  }

  private void spawnWorker() {
    getContext()
        .spawnAnonymous(RewardActor.create(scorer, getContext().getSelf()), RewardActor.DISPATCHER);
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    switch (command) {
      case Score order -> onScore(order);
      case GetStats(ActorRef<Stats> replyTo) ->
          replyTo.tell(new Stats(waiting.size(), busy.size()));
      case Ready(Worker worker) -> idle.add(worker);
      case Done(Worker worker, Reply reply) -> onDone(worker, reply);
      case Overdue(Worker worker) -> onOverdue(worker);
    }
    dispatch();
    return this;
  }

  private void onScore(Score order) {
    getContext().watch(order.replyTo());
    waiting.add(order);
  }

  private void onDone(Worker worker, Reply reply) {
    Optional<Score> order = Optional.ofNullable(busy.remove(worker));
    order.ifPresent(
        inTime -> {
          timers.cancel(worker);
          inTime.replyTo().tell(reply);
          idle.add(worker);
        });
  }

  private void onOverdue(Worker worker) {
    Optional<Score> order = Optional.ofNullable(busy.remove(worker));
    order.ifPresent(
        late -> {
          worker.thread().interrupt();
          getContext().stop(worker.actor());
          spawnWorker();
          late.replyTo().tell(new Failed(late.sample(), overdue()));
        });
  }

  @Override
  public Behavior<Command> onSignal(Signal signal) {
    if (signal instanceof Terminated ended) {
      waiting.removeIf(order -> order.replyTo().equals(ended.getRef().unsafeUpcast()));
    }
    return this;
  }

  private TimeoutException overdue() {
    return new TimeoutException("no reward within %s (reward.timeout)".formatted(timeout));
  }

  private void dispatch() {
    while (!waiting.isEmpty() && !idle.isEmpty()) {
      Worker worker = idle.remove();
      Score order = waiting.remove();
      busy.put(worker, order);
      worker.actor().tell(order);
      timers.startSingleTimer(worker, new Overdue(worker), timeout);
    }
  }
}
