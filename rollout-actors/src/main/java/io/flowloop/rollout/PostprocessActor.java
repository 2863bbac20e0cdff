package io.flowloop.rollout;

import io.flowloop.engine.Sample;
import io.flowloop.reward.Reward;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * Turns the k samples of one request into k rewarded samples, answers once and stops. A reward that
 * fails is tried once more; after that it fails the request.
 */
public final class PostprocessActor extends AbstractMatchingBehavior<PostprocessActor.Command> {

  public sealed interface Command {}

  private record FromRewards(RewardPool.Answers answers) implements Command {}

  public sealed interface Reply {}

  /** All samples of the request, in its order. */
  public record Rewarded(List<RewardedSample> samples) implements Reply {}

  /** The row whose reward failed twice, and how the second time. */
  public record Failed(RolloutRow row, Throwable cause) implements Reply {}

  /**
   * An actor that begins at once.
   *
   * @param rows the rows of the request, with the prompts that rewards are asked about
   * @param samples one for each row
   */
  public static Behavior<Command> create(
      List<RolloutRow> rows,
      List<Sample> samples,
      ActorRef<RewardPool.Command> rewards,
      ActorRef<Reply> replyTo) {
    return Behaviors.setup(
        context -> new PostprocessActor(context, rows, samples, rewards, replyTo));
  }

  private final List<RolloutRow> rows;
  private final List<Sample> samples;
  private final ActorRef<RewardPool.Command> rewards;
  private final ActorRef<RewardPool.Answers> answers;
  private final ActorRef<Reply> replyTo;
  private final SortedMap<Integer, RewardedSample> scored = new TreeMap<>();
  private final Set<Integer> retried = new HashSet<>();

  private PostprocessActor(
      ActorContext<Command> context,
      List<RolloutRow> rows,
      List<Sample> samples,
      ActorRef<RewardPool.Command> rewards,
      ActorRef<Reply> replyTo) {
    super(context);
    this.rows = rows;
    this.samples = samples;
    this.rewards = rewards;
    this.replyTo = replyTo;
    this.answers = context.messageAdapter(RewardPool.Answers.class, FromRewards::new);
    score(IntStream.range(0, rows.size()).boxed().toList());
  }

  private void score(List<Integer> wanted) {
    List<RewardPool.Image> images =
        wanted.stream()
            .map(i -> new RewardPool.Image(i, rows.get(i).prompt(), samples.get(i).image()))
            .toList();
    rewards.tell(new RewardPool.Score(images, answers));
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    return switch (command) {
      case FromRewards(RewardPool.Answers(List<RewardPool.Answer> some)) -> onAnswers(some);
    };
  }

  private Behavior<Command> onAnswers(List<RewardPool.Answer> some) {
    List<Integer> again = new ArrayList<>();
    for (RewardPool.Answer answer : some) {
      switch (answer) {
        case RewardPool.Scored(int sample, Reward reward) -> onScored(sample, reward);
        case RewardPool.Failed(int sample, Throwable cause) -> {
          if (!retried.add(sample)) {
            replyTo.tell(new Failed(rows.get(sample), cause));
            return Behaviors.stopped();
          }
          again.add(sample);
        }
      }
    }
    if (!again.isEmpty()) {
      score(again);
    }
    if (scored.size() < rows.size()) {
      return this;
    }
    replyTo.tell(new Rewarded(List.copyOf(scored.values())));
    return Behaviors.stopped();
  }

  private void onScored(int sample, Reward reward) {
    scored.put(sample, new RewardedSample(rows.get(sample), samples.get(sample), reward, Map.of()));
  }
}
