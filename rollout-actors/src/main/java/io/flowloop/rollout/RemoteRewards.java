package io.flowloop.rollout;

import io.flowloop.engine.EngineException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The reward functions of another node as a {@link RewardRouter} knows them: it takes the orders of
 * a {@link RewardPool} and answers like one. What it wants of the {@link RewardHost} it says as a
 * whole, whenever that changes and once a second, so that nothing depends on one message.
 *
 * <p>Images are published for the host to pull, and held until it has answered them or nobody waits
 * for them. It stops when its host vanishes.
 */
final class RemoteRewards extends AbstractMatchingBehavior<RemoteRewards.Command> {

  sealed interface Command {}

  private record FromRouter(RewardPool.Command command) implements Command {}

  private record FromHost(RewardHost.Report report) implements Command {}

  private record Laid(long portion, Optional<DataHandle> images, Optional<Throwable> cause)
      implements Command {}

  private record Vanished() implements Command {}

  private record Tick() implements Command {}

  /** Images that the host has to answer. */
  private static final class Portion {
    private final ActorRef<RewardPool.Answers> asker;
    private final Set<Integer> left;
    private Optional<DataHandle> handle = Optional.empty();
    private boolean lost;

    Portion(RewardPool.Score order) {
      this.asker = order.replyTo();
      this.left =
          order.images().stream()
              .map(RewardPool.Image::sample)
              .collect(Collectors.toCollection(HashSet::new));
    }
  }

  private static final Duration REPEAT = Duration.ofSeconds(1);

  /**
   * The rewards of a host, for a router.
   *
   * @param name its name for the router and for messages
   */
  static Behavior<RewardPool.Command> create(
      String name,
      ActorRef<RewardHost.Command> host,
      ActorRef<RewardRouter.Command> router,
      DataServer server) {
    Behavior<Command> rewards =
        Behaviors.setup(
            context ->
                Behaviors.withTimers(
                    timers -> {
                      timers.startTimerWithFixedDelay(new Tick(), REPEAT);
                      return new RemoteRewards(context, name, host, router, server);
                    }));
    return Behaviors.transformMessages(
        RewardPool.Command.class,
        rewards,
        cases -> cases.match(RewardPool.Command.class, FromRouter::new));
  }

  private final String name;
  private final ActorRef<RewardHost.Command> host;
  private final ActorRef<RewardRouter.Command> router;
  private final OwnBlobs blobs;
  private final ActorRef<RewardHost.Report> reports;
  private final long session = ThreadLocalRandom.current().nextLong();
  private final SequencedMap<Long, Portion> portions = new LinkedHashMap<>();
  private long numbers;
  private long wants;

  private RemoteRewards(
      ActorContext<Command> context,
      String name,
      ActorRef<RewardHost.Command> host,
      ActorRef<RewardRouter.Command> router,
      DataServer server) {
    super(context);
    this.name = name;
    this.host = host;
    this.router = router;
    this.blobs = new OwnBlobs(server);
    this.reports = context.messageAdapter(RewardHost.Report.class, FromHost::new);
    context.watchWith(host, new Vanished());
    want();
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    switch (command) {
      case FromRouter(RewardPool.Score order) -> onScore(order);
      case FromRouter(RewardPool.Command other) ->
          throw new IllegalStateException("not of a router: " + other);
      case FromHost(RewardHost.Report report) -> {
        if (report.session() == session) {
          onReport(report);
        }
      }
      case Laid laid -> onLaid(laid);
      case Vanished() -> {
        router.tell(
            new RewardRouter.Lose(
                name, new EngineException("vanished; its log or its host tells why")));
        return Behaviors.stopped();
      }
      case Tick() -> want();
    }
    return this;
  }

  /** Says all that is wanted of what is laid out. */
  private void want() {
    List<RewardHost.Portion> wanted = new ArrayList<>();
    portions.forEach(
        (number, portion) ->
            portion.handle.ifPresent(images -> wanted.add(new RewardHost.Portion(number, images))));
    host.tell(new RewardHost.Want(session, wants++, reports, wanted));
  }

  private void onScore(RewardPool.Score order) {
    long number = numbers++;
    portions.put(number, new Portion(order));
    getContext().watch(order.replyTo());
    getContext()
        .pipeToSelf(
            blobs.publish(() -> ImageBlob.encode(order.images())),
            (handle, cause) ->
                new Laid(number, Optional.ofNullable(handle), Optional.ofNullable(cause)));
  }

  private void onLaid(Laid laid) {
    Optional<Portion> portion = Optional.ofNullable(portions.get(laid.portion()));
    if (portion.isEmpty()) {
      laid.images().ifPresent(blobs::release);
      return;
    }
    portion.get().handle = laid.images();
    laid.cause().ifPresent(cause -> lose(portion.get(), cause));
    want();
  }

  /** Told once: the router then waits for the portion no longer. */
  private void lose(Portion portion, Throwable cause) {
    if (!portion.lost) {
      portion.lost = true;
      router.tell(new RewardRouter.Lose(name, cause));
    }
  }

  private void onReport(RewardHost.Report report) {
    Map<Long, List<RewardPool.Answer>> answers = new LinkedHashMap<>();
    for (RewardHost.Scored scored : report.scored()) {
      add(answers, scored.portion(), new RewardPool.Scored(scored.image(), scored.reward()));
    }
    for (RewardHost.Failed failed : report.failed()) {
      EngineException cause =
          new EngineException("%s: %s".formatted(name, failed.cause().getMessage()));
      add(answers, failed.portion(), new RewardPool.Failed(failed.image(), cause));
    }
    answers.forEach(this::answer);
    for (RewardHost.Lost lost : report.lost()) {
      Optional.ofNullable(portions.get(lost.portion()))
          .ifPresent(portion -> lose(portion, lost.cause()));
    }
    if (report.leaving()) {
      router.tell(new RewardRouter.Leave(name));
    }
  }

  /** What is news among all that the host has. */
  private void add(
      Map<Long, List<RewardPool.Answer>> answers, long number, RewardPool.Answer answer) {
    Optional.ofNullable(portions.get(number))
        .filter(portion -> portion.left.remove(answer.sample()))
        .ifPresent(_ -> answers.computeIfAbsent(number, _ -> new ArrayList<>()).add(answer));
  }

  private void answer(long number, List<RewardPool.Answer> answers) {
    Optional<Portion> portion = Optional.ofNullable(portions.get(number));
    portion.ifPresent(found -> found.asker.tell(new RewardPool.Answers(answers)));
    if (portion.filter(found -> found.left.isEmpty()).isPresent()) {
      forget(number);
      want();
    }
  }

  private void onAskerEnded(ActorRef<RewardPool.Answers> asker) {
    List<Long> over =
        portions.entrySet().stream()
            .filter(portion -> portion.getValue().asker.equals(asker))
            .map(Map.Entry::getKey)
            .toList();
    over.forEach(this::forget);
    if (!over.isEmpty()) {
      want();
    }
  }

  private void forget(long number) {
    Optional.ofNullable(portions.remove(number))
        .flatMap(portion -> portion.handle)
        .ifPresent(blobs::release);
  }

  @Override
  public Behavior<Command> onSignal(Signal signal) {
    return switch (signal) {
      case Terminated ended -> {
        onAskerEnded(ended.getRef().unsafeUpcast());
        yield this;
      }
      case PostStop _ -> {
        blobs.close();
        yield this;
      }
      default -> this;
    };
  }
}
