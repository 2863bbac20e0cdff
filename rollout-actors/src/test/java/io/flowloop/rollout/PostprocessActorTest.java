package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import io.flowloop.reward.Reward;
import java.util.List;
import java.util.Map;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class PostprocessActorTest {

  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final List<RolloutRow> ROWS =
      RolloutRows.repeatInterleaved(List.of("a"), 3, 42, 0);

  private final TestProbe<RewardPool.Command> rewards = KIT.createTestProbe();
  private final TestProbe<PostprocessActor.Reply> worker = KIT.createTestProbe();
  private final List<Sample> samples = samples();
  private final ActorRef<PostprocessActor.Command> actor =
      KIT.spawn(PostprocessActor.create(ROWS, samples, rewards.ref(), worker.ref()));
  private final RewardPool.Score asked = asked();

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  @Test
  void create_threeSamples_asksForAllAtOnceWithPromptsAndImages() {
    assertThat(asked.images())
        .containsExactly(
            new RewardPool.Image(0, "a", samples.get(0).image()),
            new RewardPool.Image(1, "a", samples.get(1).image()),
            new RewardPool.Image(2, "a", samples.get(2).image()));
  }

  @Test
  void onScored_rewardsInAnyOrder_answersOnceInRowOrderAndStops() {
    answer(scored(2, 0.2), scored(0, 0.0));
    worker.expectNoMessage(java.time.Duration.ZERO);
    answer(scored(1, 0.1));

    PostprocessActor.Rewarded reply = worker.expectMessageClass(PostprocessActor.Rewarded.class);
    assertThat(reply.samples()).extracting(RewardedSample::row).isEqualTo(ROWS);
    assertThat(reply.samples())
        .extracting(sample -> sample.reward().total())
        .containsExactly(0.0, 0.1, 0.2);
    worker.expectTerminated(actor);
  }

  @Test
  void onFailed_once_isTriedAgainAndSucceeds() {
    answer(scored(0, 1), failed(1, "flaky"));

    assertThat(asked().images())
        .containsExactly(new RewardPool.Image(1, "a", samples.get(1).image()));
    answer(scored(2, 1));
    answer(scored(1, 1));
    worker.expectMessageClass(PostprocessActor.Rewarded.class);
  }

  @Test
  void onFailed_twice_namesRowAndSecondCauseAndStops() {
    answer(failed(1, "first"), failed(0, "another row"));
    assertThat(asked().images()).extracting(RewardPool.Image::sample).containsExactly(1, 0);
    answer(failed(1, "second"));

    PostprocessActor.Failed reply = worker.expectMessageClass(PostprocessActor.Failed.class);
    assertThat(reply.row()).isEqualTo(ROWS.get(1));
    assertThat(reply.cause()).hasMessage("second");
    worker.expectTerminated(actor);
  }

  private void answer(RewardPool.Answer... answers) {
    asked.replyTo().tell(new RewardPool.Answers(List.of(answers)));
  }

  private static RewardPool.Answer scored(int sample, double reward) {
    return new RewardPool.Scored(sample, new Reward(reward, Map.of()));
  }

  private static RewardPool.Answer failed(int sample, String cause) {
    return new RewardPool.Failed(sample, new Exception(cause));
  }

  private RewardPool.Score asked() {
    return rewards.expectMessageClass(RewardPool.Score.class);
  }

  private static List<Sample> samples() {
    List<RolloutRequest> requests = RolloutRows.requests(ROWS, true, Sampling.ode(2)).requests();
    try (DiffusionEngine engine = new ToyEngines().create(0)) {
      return engine.generate(requests.getFirst());
    }
  }
}
