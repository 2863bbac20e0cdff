package io.flowloop.rollout;

import io.flowloop.reward.Reward;
import io.flowloop.rollout.RewardTable.Errand;
import io.flowloop.rollout.RewardTable.Settled;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.apache.pekko.actor.CoordinatedShutdown;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.ChildFailed;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;

/**
 * The reward pool of a cluster: it spreads images over a pool of this process, if there is one, and
 * those of the nodes that score. Images wait here, as many as the rows of a step; a pool has {@link
 * RewardTable#PER_THREAD} for each thread at most.
 *
 * <p>Images of a node that vanishes, leaves, cannot be reached or cannot pull them are scored by
 * others; that is no failure of their rewards, unless it happens to one of them three times. An
 * image waits for a node for so long, and no longer.
 */
final class RewardRouter extends AbstractMatchingBehavior<RewardRouter.Command> {

  sealed interface Command {}

  private record FromAskers(RewardPool.Command command) implements Command {}

  /** A node is to score, so many images at once. */
  record Join(String name, int threads, Behavior<RewardPool.Command> pool) implements Command {}

  /** A node cannot be reached, or can again. */
  record Reach(String name, boolean reachable) implements Command {}

  /** What a node has did not come to it, or is gone with it. */
  record Lose(String name, Throwable cause) implements Command {}

  /** A node ends and gives its images to others. */
  record Leave(String name) implements Command {}

  private record Answered(int errand, RewardPool.Answers answers) implements Command {}

  private record Ended(String name) implements Command {}

  private record Rested(String name) implements Command {}

  private record GiveUp() implements Command {}

  private static final String OWN = "rewards of the trainer";

  /** For a node that could not pull, before it is given images again. */
  private static final Duration REST = Duration.ofSeconds(10);

  /**
   * A router that finds the nodes by itself.
   *
   * @param work what the nodes must score with as well
   * @param scoresItself whether there is a pool in this process
   * @param patience longest wait of images for somebody to score them
   */
  static Behavior<RewardPool.Command> create(
      RewardWork work, boolean scoresItself, DataServer server, Duration patience) {
    Behavior<Command> router =
        Behaviors.setup(
            context ->
                Behaviors.withTimers(
                    timers -> {
                      var finder =
                          context.spawn(
                              ClusterRewards.create(context.getSelf(), work.identity(), server),
                              "finder");
                      context.watch(finder);
                      return new RewardRouter(context, timers, work, scoresItself, patience);
                    }));
    return Behaviors.transformMessages(
        RewardPool.Command.class,
        router,
        cases -> cases.match(RewardPool.Command.class, FromAskers::new));
  }

  private final TimerScheduler<Command> timers;
  private final Duration patience;
  private final RewardTable<ActorRef<RewardPool.Answers>> table = new RewardTable<>();
  private final Map<String, ActorRef<RewardPool.Command>> pools = new HashMap<>();
  private final Map<Integer, ActorRef<RewardPool.Answers>> errands = new HashMap<>();
  private boolean gaveUp;
  private long failures;

  private RewardRouter(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      RewardWork work,
      boolean scoresItself,
      Duration patience) {
    super(context);
    this.timers = timers;
    this.patience = patience;
    if (scoresItself) {
      onJoin(new Join(OWN, work.concurrency(), work.pool()));
    }
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    switch (command) {
      case FromAskers(RewardPool.Command order) -> onOrder(order);
      case Join join -> onJoin(join);
      case Reach(String name, boolean reachable) -> onReach(name, reachable);
      case Lose(String name, Throwable cause) -> onLose(name, cause);
      case Leave(String name) -> onLeave(name);
      case Answered(int errand, RewardPool.Answers answers) -> onAnswered(errand, answers);
      case Ended(String name) -> onEnded(name);
      case Rested(String name) -> table.rested(name);
      case GiveUp() -> gaveUp = true;
    }
    goOn();
    return this;
  }

  private void onOrder(RewardPool.Command order) {
    switch (order) {
      case RewardPool.Score(List<RewardPool.Image> images, ActorRef<RewardPool.Answers> asker) -> {
        getContext().watch(asker);
        table.add(asker, images);
      }
      case RewardPool.GetStats(ActorRef<RewardPool.Stats> replyTo) ->
          replyTo.tell(new RewardPool.Stats(table.waiting(), table.busy(), failures));
      case RewardPool.Own own -> throw new IllegalStateException("not of a router: " + own);
    }
  }

  private void onJoin(Join join) {
    ActorRef<RewardPool.Command> pool = getContext().spawnAnonymous(join.pool());
    getContext().watchWith(pool, new Ended(join.name()));
    pools.put(join.name(), pool);
    table.join(join.name(), join.threads());
  }

  private void onReach(String name, boolean reachable) {
    if (!reachable) {
      getContext()
          .getLog()
          .warn("{} cannot be reached; others score its {} images", name, table.held(name));
    }
    table.reach(name, reachable);
  }

  private void onLose(String name, Throwable cause) {
    // At the end of a run all nodes vanish, which is no news.
    if (CoordinatedShutdown.get(getContext().getSystem()).getShutdownReason().isEmpty()) {
      getContext().getLog().warn("{}: {}; its images go to others", name, cause.getMessage());
    }
    List<Settled<ActorRef<RewardPool.Answers>>> failed = table.lose(name);
    fail(
        failed,
        new RolloutException(
            "rewards: an image was lost with %d nodes, the last time with %s"
                .formatted(RewardTable.MOST_LOSSES, name),
            cause));
    timers.startSingleTimer(name, new Rested(name), REST);
  }

  private void onLeave(String name) {
    Optional.ofNullable(pools.remove(name))
        .ifPresent(
            pool -> {
              getContext().getLog().info("{} leaves", name);
              getContext().unwatch(pool);
              getContext().stop(pool);
            });
    table.leave(name);
  }

  /** What it had is lost already, if it told of its end. */
  private void onEnded(String name) {
    if (name.equals(OWN)) {
      throw new IllegalStateException(name + " have ended");
    }
    pools.remove(name);
    table.leave(name);
  }

  private void onAnswered(int errand, RewardPool.Answers some) {
    Map<ActorRef<RewardPool.Answers>, List<RewardPool.Answer>> told = new LinkedHashMap<>();
    for (RewardPool.Answer answer : some.answers()) {
      table
          .settle(errand, answer.sample())
          .ifPresent(
              settled ->
                  told.computeIfAbsent(settled.asker(), _ -> new ArrayList<>())
                      .add(numbered(settled.sample(), answer)));
    }
    tell(told);
  }

  private static RewardPool.Answer numbered(int sample, RewardPool.Answer answer) {
    return switch (answer) {
      case RewardPool.Scored(int _, Reward reward) -> new RewardPool.Scored(sample, reward);
      case RewardPool.Failed(int _, Throwable cause) -> new RewardPool.Failed(sample, cause);
    };
  }

  private void fail(List<Settled<ActorRef<RewardPool.Answers>>> images, Throwable cause) {
    Map<ActorRef<RewardPool.Answers>, List<RewardPool.Answer>> told = new LinkedHashMap<>();
    for (Settled<ActorRef<RewardPool.Answers>> image : images) {
      told.computeIfAbsent(image.asker(), _ -> new ArrayList<>())
          .add(new RewardPool.Failed(image.sample(), cause));
    }
    tell(told);
  }

  private void tell(Map<ActorRef<RewardPool.Answers>, List<RewardPool.Answer>> told) {
    told.forEach(
        (asker, answers) -> {
          failures += answers.stream().filter(RewardPool.Failed.class::isInstance).count();
          asker.tell(new RewardPool.Answers(List.copyOf(answers)));
        });
  }

  /** Gives out what waits and calls back what nobody waits for. */
  private void goOn() {
    for (int errand : table.takeEnded()) {
      Optional.ofNullable(errands.remove(errand)).ifPresent(getContext()::stop);
    }
    for (Optional<Errand> next = table.next(); next.isPresent(); next = table.next()) {
      begin(next.get());
    }
    if (table.hasPlace()) {
      timers.cancel(GiveUp.class);
      gaveUp = false;
    } else if (table.waiting() > 0 && gaveUp) {
      fail(table.giveUp(), nobody());
    } else if (table.waiting() > 0 && !timers.isTimerActive(GiveUp.class)) {
      timers.startSingleTimer(GiveUp.class, new GiveUp(), patience);
    }
  }

  /** The pool hears by the end of the errand's own actor that nobody waits for it any more. */
  private void begin(Errand errand) {
    ActorRef<Command> self = getContext().getSelf();
    ActorRef<RewardPool.Answers> asker =
        getContext()
            .spawnAnonymous(
                Behaviors.receiveMessage(
                    answers -> {
                      self.tell(new Answered(errand.number(), answers));
                      return Behaviors.same();
                    }));
    errands.put(errand.number(), asker);
    Objects.requireNonNull(pools.get(errand.place()))
        .tell(new RewardPool.Score(errand.images(), asker));
  }

  private RolloutException nobody() {
    return new RolloutException(
        ("rewards: nobody to score images for %s (expected: a node with the role reward, ./flowloop"
                + " node --roles reward, with the trainer's reward.functions; or reward among the"
                + " trainer's cluster.roles)")
            .formatted(patience));
  }

  @Override
  public Behavior<Command> onSignal(Signal signal) {
    switch (signal) {
      case ChildFailed finder ->
          throw new IllegalStateException(finder.getRef() + " died", finder.getCause());
      case Terminated asker -> {
        table.forget(asker.getRef().unsafeUpcast());
        goOn();
      }
      default -> {}
    }
    return this;
  }
}
