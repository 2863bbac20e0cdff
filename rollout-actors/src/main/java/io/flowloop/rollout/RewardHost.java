package io.flowloop.rollout;

import io.flowloop.engine.EngineException;
import io.flowloop.reward.Reward;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.ChildFailed;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.receptionist.Receptionist;
import org.apache.pekko.actor.typed.receptionist.ServiceKey;

/**
 * The reward functions of a node, with which it scores images of the trainer of another node. It
 * pulls what the trainer's {@link RemoteRewards} wants, has a {@link RewardPool} score it, and
 * keeps what came of it until that is no longer wanted. It can be found in the cluster once its
 * functions have scored a canary; if they cannot, it fails, for then they could score no image.
 *
 * <p>The two tell each other states, not events, as {@link EngineHost} and {@link RemoteEngine} do:
 * a message may be lost or come twice, and no image and no reward is. It serves one {@link
 * RemoteRewards} and stops with it.
 */
final class RewardHost extends AbstractMatchingBehavior<RewardHost.Command> {

  /** Under which hosts are found. */
  static final ServiceKey<Command> KEY = ServiceKey.create(Command.class, "flowloop-reward");

  sealed interface Command {}

  /** Tell what rewards these are. */
  record Describe(ActorRef<Description> replyTo) implements Command, WireMessage {}

  /**
   * All that is wanted now.
   *
   * @param session of the sender, which no other has
   * @param number rises with each one sent
   */
  record Want(long session, long number, ActorRef<Report> trainer, List<Portion> portions)
      implements Command, WireMessage {}

  /**
   * Images to score.
   *
   * @param number of the portion, which no other of the session has
   * @param images where they are to be had
   */
  record Portion(long number, DataHandle images) {}

  /** Give the images to others: this node is leaving. */
  record Leave() implements Command {}

  private record Tried(RewardPool.Answer answer) implements Command {}

  private record Pulled(
      long portion, Optional<List<RewardPool.Image>> images, Optional<Throwable> cause)
      implements Command {}

  private record FromPool(long portion, RewardPool.Answers answers) implements Command {}

  /**
   * What rewards these are.
   *
   * @param node its host and port
   * @param rewards all that scores depend on beside prompt and image
   * @param concurrency images scored at once
   */
  record Description(ActorRef<Command> host, String node, String rewards, int concurrency)
      implements HostFinder.Described<Command>, WireMessage {

    Description {
      if (concurrency < 1) {
        throw new IllegalArgumentException(
            "concurrency: " + concurrency + " (expected: 1 or more)");
      }
    }

    @Override
    public String name() {
      return "rewards of " + node;
    }

    @Override
    public String identity() {
      return rewards;
    }
  }

  /**
   * All that came of what is wanted.
   *
   * @param lost portions whose images did not come
   * @param leaving whether all of them are to be given to others
   */
  record Report(
      long session, List<Scored> scored, List<Failed> failed, List<Lost> lost, boolean leaving)
      implements WireMessage {}

  /** The reward of an image, by its number in the blob. */
  record Scored(long portion, int image, double total, List<Part> parts) {

    /** Checks that this is a reward. */
    Scored {
      var _ = reward(total, parts);
    }

    Reward reward() {
      return reward(total, parts);
    }

    private static Reward reward(double total, List<Part> parts) {
      Map<String, Double> scores = new LinkedHashMap<>();
      parts.forEach(part -> scores.put(part.name(), part.score()));
      return new Reward(total, scores);
    }
  }

  /** A function's score. */
  record Part(String name, double score) {}

  record Failed(long portion, int image, Throwable cause) {}

  record Lost(long portion, Throwable cause) {}

  /**
   * What the host of a node is made with.
   *
   * @param pullTimeout longest time for the images of a portion to come
   */
  record Means(RewardWork work, DataClient client, NodeHealth health, Duration pullTimeout) {}

  /** A portion that is wanted, and what came of it. */
  private static final class Work {
    private final CompletableFuture<List<RewardPool.Image>> pull;
    private Optional<ActorRef<RewardPool.Answers>> asker = Optional.empty();
    private final List<Scored> scored = new ArrayList<>();
    private final List<Failed> failed = new ArrayList<>();
    private Optional<Lost> lost = Optional.empty();

    Work(CompletableFuture<List<RewardPool.Image>> pull) {
      this.pull = pull;
    }
  }

  /** Of what a reward died of, so that the failures of all images fit a message. */
  private static final int LONGEST_CAUSE = 400;

  static Behavior<Command> create(Means means) {
    return Behaviors.setup(context -> new RewardHost(context, means));
  }

  private final Means means;
  private final ActorRef<RewardPool.Command> pool;
  private final SequencedMap<Long, Work> works = new LinkedHashMap<>();
  private Optional<Want> served = Optional.empty();
  private boolean leaving;

  private RewardHost(ActorContext<Command> context, Means means) {
    super(context);
    this.means = means;
    this.pool = context.spawn(means.work().pool(), "pool");
    context.watch(pool);
    means.work().canary().ifPresentOrElse(this::tryOut, this::offer);
  }

  private void tryOut(RewardPool.Image canary) {
    ActorRef<RewardPool.Answers> asker =
        getContext()
            .messageAdapter(
                RewardPool.Answers.class, answers -> new Tried(answers.answers().getFirst()));
    pool.tell(new RewardPool.Score(List.of(canary), asker));
  }

  private void offer() {
    RewardWork work = means.work();
    means.health().scored();
    getContext()
        .getSystem()
        .receptionist()
        .tell(Receptionist.register(KEY, getContext().getSelf()));
    getContext().getLog().info("scores {} images at once: {}", work.concurrency(), work.identity());
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    switch (command) {
      case Describe(ActorRef<Description> replyTo) ->
          replyTo.tell(
              new Description(
                  getContext().getSelf(),
                  HostFinder.nodeOf(getContext().getSystem()),
                  means.work().identity(),
                  means.work().concurrency()));
      case Tried(RewardPool.Answer answer) -> onTried(answer);
      case Want want -> onWant(want);
      case Pulled pulled -> onPulled(pulled);
      case FromPool(long portion, RewardPool.Answers answers) -> onAnswers(portion, answers);
      case Leave() -> {
        leaving = true;
        report();
      }
    }
    return this;
  }

  private void onTried(RewardPool.Answer answer) {
    switch (answer) {
      case RewardPool.Scored _ -> offer();
      case RewardPool.Failed(int _, Throwable cause) ->
          throw new RolloutException(
              ("rewards, %s: a first image has no score (expected: one, or no other would have any);"
                      + " mend what follows, or start the node without the role reward")
                  .formatted(means.work().identity()),
              cause);
    }
  }

  private void onWant(Want want) {
    if (served.isEmpty()) {
      getContext().watch(want.trainer());
      getContext().getLog().info("scores for {}", want.trainer().path().address());
    } else if (want.session() != served.get().session() || want.number() <= served.get().number()) {
      return;
    }
    served = Optional.of(want);
    Set<Long> wanted = want.portions().stream().map(Portion::number).collect(Collectors.toSet());
    Set<Long> over = new HashSet<>(works.keySet());
    over.removeAll(wanted);
    over.forEach(this::forget);
    for (Portion portion : want.portions()) {
      works.computeIfAbsent(portion.number(), _ -> begin(portion));
    }
    report();
  }

  private Work begin(Portion portion) {
    CompletableFuture<List<RewardPool.Image>> images =
        means.client().fetch(portion.images(), means.pullTimeout()).thenApply(ImageBlob::decode);
    getContext()
        .pipeToSelf(
            images,
            (whole, cause) ->
                new Pulled(
                    portion.number(), Optional.ofNullable(whole), Optional.ofNullable(cause)));
    return new Work(images);
  }

  private void forget(long portion) {
    Optional.ofNullable(works.remove(portion))
        .ifPresent(
            work -> {
              work.pull.cancel(false);
              // The pool then leaves what it has not begun with.
              work.asker.ifPresent(getContext()::stop);
            });
  }

  private void onPulled(Pulled pulled) {
    Optional<Work> wanted = Optional.ofNullable(works.get(pulled.portion()));
    wanted.ifPresent(
        work -> {
          pulled.images().ifPresent(images -> score(pulled.portion(), work, images));
          work.lost =
              pulled.cause().map(cause -> new Lost(pulled.portion(), brief(unwrapped(cause))));
          if (work.lost.isPresent()) {
            report();
          }
        });
  }

  private static Throwable unwrapped(Throwable cause) {
    return cause.getCause() == null ? cause : cause.getCause();
  }

  private void score(long portion, Work work, List<RewardPool.Image> images) {
    ActorRef<Command> self = getContext().getSelf();
    ActorRef<RewardPool.Answers> asker =
        getContext()
            .spawnAnonymous(
                Behaviors.receiveMessage(
                    answers -> {
                      self.tell(new FromPool(portion, answers));
                      return Behaviors.same();
                    }));
    work.asker = Optional.of(asker);
    pool.tell(new RewardPool.Score(images, asker));
  }

  private void onAnswers(long portion, RewardPool.Answers answers) {
    Optional<Work> wanted = Optional.ofNullable(works.get(portion));
    wanted.ifPresent(
        work -> {
          answers.answers().forEach(answer -> keep(portion, work, answer));
          report();
        });
  }

  private static void keep(long portion, Work work, RewardPool.Answer answer) {
    switch (answer) {
      case RewardPool.Scored(int image, Reward reward) ->
          work.scored.add(
              new Scored(
                  portion,
                  image,
                  reward.total(),
                  reward.parts().entrySet().stream()
                      .map(part -> new Part(part.getKey(), part.getValue()))
                      .toList()));
      case RewardPool.Failed(int image, Throwable cause) ->
          work.failed.add(new Failed(portion, image, brief(cause)));
    }
  }

  private static EngineException brief(Throwable cause) {
    String text = WireSerializers.text(cause);
    return new EngineException(
        text.length() <= LONGEST_CAUSE ? text : text.substring(0, LONGEST_CAUSE) + " ...");
  }

  private void report() {
    served.ifPresent(
        want ->
            want.trainer()
                .tell(
                    new Report(
                        want.session(),
                        all(work -> work.scored.stream()),
                        all(work -> work.failed.stream()),
                        all(work -> work.lost.stream()),
                        leaving)));
  }

  private <T> List<T> all(Function<Work, Stream<T>> part) {
    return works.values().stream().flatMap(part).toList();
  }

  @Override
  public Behavior<Command> onSignal(Signal signal) {
    return switch (signal) {
      case ChildFailed pool -> throw new IllegalStateException("rewards", pool.getCause());
      case Terminated _ -> {
        getContext().getLog().info("rewards: their trainer is gone");
        yield Behaviors.stopped();
      }
      case PostStop _ -> {
        works.values().forEach(work -> work.pull.cancel(false));
        yield this;
      }
      default -> this;
    };
  }
}
