package io.flowloop.rollout;

import io.flowloop.engine.RgbImage;
import io.flowloop.reward.Reward;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;

/**
 * Gives images to a fixed number of {@link RewardActor}s, first come, first served. The bound of
 * its queue is the rows of a step.
 *
 * <p>What is asked for together is cut into as many portions of adjacent images as there are
 * actors: a thread is woken for a portion, not for an image.
 *
 * <p>A reward that takes longer than the timeout has failed. Java cannot end its thread, so the
 * thread is interrupted and left to itself, and a new actor with a new thread takes its place: the
 * pool never shrinks, and a reward function that ignores interrupts costs a thread each time. The
 * images behind that one go to the next actor that is free.
 */
public final class RewardPool extends AbstractMatchingBehavior<RewardPool.Command> {

  public sealed interface Command {}

  /** An image of a prompt, under a number that its answer repeats. */
  public record Image(int sample, String prompt, RgbImage pixels) {}

  /**
   * Score these images; each is in one of the {@link Answers} that come. If the asker stops first,
   * those that nobody is at are forgotten.
   *
   * @param images 1 or more
   */
  public record Score(List<Image> images, ActorRef<Answers> replyTo) implements Command {}

  /** Tell how much is waiting. */
  public record GetStats(ActorRef<Stats> replyTo) implements Command {}

  /** What the pool and its actors tell each other. */
  sealed interface Own extends Command {}

  /** A new reward actor waits for its first portion. */
  record Ready(Worker worker) implements Own {}

  /** A reward actor is through its portion and waits for the next. */
  record Done(Worker worker) implements Own {}

  private record Overdue(Worker worker) implements Own {}

  /** What came of some of the images asked for. */
  public record Answers(List<Answer> answers) {}

  public sealed interface Answer {
    int sample();
  }

  public record Scored(int sample, Reward reward) implements Answer {}

  public record Failed(int sample, Throwable cause) implements Answer {}

  /**
   * The state of the pool at one moment.
   *
   * @param waiting portions without a thread
   * @param busy portions being scored
   * @param failures images that could not be scored, since the start; a second try counts again
   */
  public record Stats(int waiting, int busy, long failures) {}

  /** A reward actor and its thread. */
  record Worker(ActorRef<RewardPortion> actor, Thread thread) {}

  /**
   * A pool of new reward actors.
   *
   * @param concurrency images scored at once, 1 or more
   * @param timeout longest time that one image may take
   */
  public static Behavior<Command> create(RewardScorer scorer, int concurrency, Duration timeout) {
    return create(scorer, concurrency, timeout, System::nanoTime);
  }

  /** A pool with a clock of its own, in nanoseconds. */
  static Behavior<Command> create(
      RewardScorer scorer, int concurrency, Duration timeout, LongSupplier clock) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> new RewardPool(context, timers, scorer, concurrency, timeout, clock)));
  }

  private final TimerScheduler<Command> timers;
  private final RewardScorer scorer;
  private final int concurrency;
  private final Duration timeout;
  private final LongSupplier clock;
  private final Deque<Score> waiting = new ArrayDeque<>();
  private final Queue<Worker> idle = new ArrayDeque<>();
  private final Map<Worker, RewardPortion> busy = new HashMap<>();
  private final AtomicBoolean stopping = new AtomicBoolean();
  private long failures;

  private RewardPool(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      RewardScorer scorer,
      int concurrency,
      Duration timeout,
      LongSupplier clock) {
    super(context);
    this.timers = timers;
    this.scorer = scorer;
    this.concurrency = concurrency;
    this.timeout = timeout;
    this.clock = clock;
    context.spawn(AtStop.create(() -> stopping.set(true)), "at-stop");
    for (int i = 0; i < concurrency; i++) {
      spawnWorker();
    }
  }

  private void spawnWorker() {
    getContext()
        .spawnAnonymous(
            RewardActor.create(scorer, getContext().getSelf(), stopping), RewardActor.DISPATCHER);
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    switch (command) {
      case Score order -> onScore(order);
      case GetStats(ActorRef<Stats> replyTo) ->
          replyTo.tell(new Stats(waiting.size(), busy.size(), failures));
      case Ready(Worker worker) -> idle.add(worker);
      case Done(Worker worker) -> onDone(worker);
      case Overdue(Worker worker) -> onOverdue(worker);
    }
    dispatch();
    return this;
  }

  private void onScore(Score order) {
    getContext().watch(order.replyTo());
    List<Image> images = order.images();
    int size = Math.ceilDiv(images.size(), concurrency);
    for (int from = 0; from < images.size(); from += size) {
      int to = Math.min(from + size, images.size());
      waiting.add(new Score(images.subList(from, to), order.replyTo()));
    }
  }

  private void onDone(Worker worker) {
    Optional<RewardPortion> portion = Optional.ofNullable(busy.remove(worker));
    portion.ifPresent(
        inTime -> {
          timers.cancel(worker);
          answer(inTime);
          idle.add(worker);
        });
  }

  private void onOverdue(Worker worker) {
    Optional.ofNullable(busy.get(worker))
        .ifPresent(
            portion ->
                portion
                    .endAfter(timeout, overdue())
                    .ifPresentOrElse(
                        behind -> replace(worker, portion, behind),
                        () -> startClock(worker, portion)));
  }

  private void replace(Worker worker, RewardPortion late, List<Image> behind) {
    busy.remove(worker);
    worker.thread().interrupt();
    getContext().stop(worker.actor());
    spawnWorker();
    answer(late);
    if (!behind.isEmpty()) {
      waiting.addFirst(new Score(behind, late.order().replyTo()));
    }
  }

  private void answer(RewardPortion portion) {
    List<Answer> answers = portion.answers();
    failures += answers.stream().filter(Failed.class::isInstance).count();
    portion.order().replyTo().tell(new Answers(answers));
  }

  /** For the image that is being scored now. */
  private void startClock(Worker worker, RewardPortion portion) {
    timers.startSingleTimer(worker, new Overdue(worker), timeout.minus(portion.sinceLastAnswer()));
  }

  @Override
  public Behavior<Command> onSignal(Signal signal) {
    if (signal instanceof Terminated ended) {
      ActorRef<Answers> asker = ended.getRef().unsafeUpcast();
      waiting.removeIf(order -> order.replyTo().equals(asker));
      busy.values().stream()
          .filter(portion -> portion.order().replyTo().equals(asker))
          .forEach(RewardPortion::forget);
    }
    return this;
  }

  private TimeoutException overdue() {
    return new TimeoutException("no reward within %s (reward.timeout)".formatted(timeout));
  }

  private void dispatch() {
    while (!waiting.isEmpty() && !idle.isEmpty()) {
      Worker worker = idle.remove();
      RewardPortion portion = new RewardPortion(waiting.remove(), clock);
      busy.put(worker, portion);
      worker.actor().tell(portion);
      startClock(worker, portion);
    }
  }
}
