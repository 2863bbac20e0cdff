package io.flowloop.agentloop;

import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import io.flowloop.rollout.Batching;
import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.LogContext;
import io.flowloop.rollout.PostprocessActor;
import io.flowloop.rollout.RequestPlan;
import io.flowloop.rollout.RewardPool;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.ChildFailed;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Has a chunk of rows drawn and rewarded: sends requests to the router, gives each result to a
 * {@link PostprocessActor}, and gathers the rewarded samples in row order. Tells what comes as it
 * comes, and each group as it becomes whole, says when that was all, and stops. A sample of another
 * policy version than the one expected is refused, and its group dropped.
 */
final class AgentLoopWorker extends AbstractMatchingBehavior<AgentLoopWorker.Command> {

  sealed interface Command {}

  /** Send the requests. */
  record Begin() implements Command {}

  private record FromRouter(EngineRouter.Reply reply) implements Command {}

  private record FromPostprocess(PostprocessActor.Reply reply) implements Command {}

  sealed interface Event {}

  /** One request has been drawn; its rewards are still to come. */
  record Drawn() implements Event {}

  /** The samples of one request. */
  record Rewarded(List<RewardedSample> samples) implements Event {}

  /** A group that will not come. */
  record Dropped(DroppedGroup group) implements Event {}

  /** A group with all its samples, which were told before. */
  record Whole(RolloutGroup group) implements Event {}

  /** Every group was told, whole or dropped. */
  record Finished(Batching batching) implements Event {}

  /**
   * What a worker works with.
   *
   * @param agentLoop makes the engine's text of a prompt, and the extra fields of a sample
   * @param enableBatchedDiffusion whether a group makes one request
   * @param sampling how all samples are drawn
   * @param policyVersion of the weights that all samples are to be drawn with
   */
  record Means(
      AgentLoop agentLoop,
      boolean enableBatchedDiffusion,
      Sampling sampling,
      long policyVersion,
      ActorRef<EngineRouter.Command> router,
      ActorRef<RewardPool.Command> rewards) {}

  static Behavior<Command> create(List<RolloutRow> rows, Means means, ActorRef<Event> replyTo) {
    return Behaviors.setup(context -> new AgentLoopWorker(context, rows, means, replyTo));
  }

  private static final Logger LOG = LoggerFactory.getLogger(AgentLoopWorker.class);

  private final Means means;
  private final ActorRef<Event> replyTo;
  private final ActorRef<PostprocessActor.Reply> rewarded;
  private final List<RolloutRow> rows;
  private final Map<Integer, RolloutRow> rowByIndex;
  private final OpenGroups open;
  private Batching batching = Batching.NONE;

  private AgentLoopWorker(
      ActorContext<Command> context, List<RolloutRow> rows, Means means, ActorRef<Event> replyTo) {
    super(context);
    this.means = means;
    this.replyTo = replyTo;
    this.rewarded = context.messageAdapter(PostprocessActor.Reply.class, FromPostprocess::new);
    this.rows = rows;
    this.rowByIndex =
        rows.stream().collect(Collectors.toMap(RolloutRow::index, Function.identity()));
    this.open = new OpenGroups(rows);
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    switch (command) {
      case Begin() -> onBegin();
      case FromRouter(EngineRouter.Generated(RolloutRequest request, List<Sample> samples)) ->
          onGenerated(request, samples);
      case FromRouter(EngineRouter.Failed(RolloutRequest request, Throwable cause)) ->
          drop(rowsOf(request), cause);
      case FromPostprocess(PostprocessActor.Rewarded(List<RewardedSample> samples)) ->
          onRewarded(samples);
      case FromPostprocess(PostprocessActor.Failed(RolloutRow row, Throwable cause)) ->
          drop(List.of(row), cause);
    }
    if (!open.isEmpty()) {
      return this;
    }
    replyTo.tell(new Finished(batching));
    return Behaviors.stopped();
  }

  private void onBegin() {
    List<RolloutRow> drawn =
        rows.stream()
            .map(row -> row.withPrompt(means.agentLoop().engineText(row.prompt())))
            .toList();
    RequestPlan plan =
        RolloutRows.requests(drawn, means.enableBatchedDiffusion(), means.sampling());
    ActorRef<EngineRouter.Reply> answers =
        getContext().messageAdapter(EngineRouter.Reply.class, FromRouter::new);
    plan.requests()
        .forEach(request -> means.router().tell(new EngineRouter.Generate(request, answers)));
    batching = plan.batching();
  }

  private void onGenerated(RolloutRequest request, List<Sample> samples) {
    otherVersion(samples)
        .ifPresentOrElse(
            version -> drop(rowsOf(request), refused(version)),
            () -> postprocess(request, samples));
  }

  private Optional<Long> otherVersion(List<Sample> samples) {
    return samples.stream()
        .map(Sample::policyVersion)
        .filter(version -> version != means.policyVersion())
        .findFirst();
  }

  private RolloutException refused(long version) {
    return new RolloutException(
        "drawn with policy version %d (expected: %d)".formatted(version, means.policyVersion()));
  }

  private void postprocess(RolloutRequest request, List<Sample> samples) {
    replyTo.tell(new Drawn());
    getContext()
        .watch(
            getContext()
                .spawnAnonymous(
                    PostprocessActor.create(rowsOf(request), samples, means.rewards(), rewarded)));
  }

  private void onRewarded(List<RewardedSample> samples) {
    List<RewardedSample> recorded =
        samples.stream()
            .map(sample -> sample.withExtraFields(means.agentLoop().extraFields(sample)))
            .toList();
    replyTo.tell(new Rewarded(recorded));
    recorded.forEach(sample -> open.add(sample).ifPresent(group -> replyTo.tell(new Whole(group))));
  }

  private void drop(List<RolloutRow> failed, Throwable cause) {
    RolloutException failure = new RolloutException(place(failed), cause);
    open.drop(failed.getFirst().group(), failure)
        .ifPresent(
            group -> {
              log(group, failed);
              replyTo.tell(new Dropped(group));
            });
  }

  /** Who waits for the rollout decides how bad that is. */
  private static void log(DroppedGroup group, List<RolloutRow> failed) {
    try (MDC.MDCCloseable _ = LogContext.group(group.index());
        MDC.MDCCloseable _ = LogContext.request(failed.stream().map(RolloutRow::index).toList())) {
      LOG.info("group {} will not come: {}", group.index(), group.cause().getMessage());
    }
  }

  private static String place(List<RolloutRow> failed) {
    RolloutRow first = failed.getFirst();
    String numbers =
        failed.size() == 1
            ? "row " + first.index()
            : "rows %d to %d".formatted(first.index(), failed.getLast().index());
    return "%s, prompt '%s'".formatted(numbers, first.prompt());
  }

  private List<RolloutRow> rowsOf(RolloutRequest request) {
    return request.seeds().stream().map(seed -> rowByIndex.get(seed.row())).toList();
  }

  /** Only a defect ends a postprocessor early; this worker's group would wait for ever. */
  @Override
  public Behavior<Command> onSignal(Signal signal) {
    if (signal instanceof ChildFailed failed) {
      throw new IllegalStateException("postprocessing died", failed.getCause());
    }
    return this;
  }
}
