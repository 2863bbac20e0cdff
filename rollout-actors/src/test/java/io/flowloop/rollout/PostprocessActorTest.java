package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import io.flowloop.reward.Reward;
import java.util.ArrayList;
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
  private final List<RewardPool.Score> asked = asked(3);

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  @Test
  void create_threeSamples_asksForEachWithItsPromptAndImage() {
    assertThat(asked).extracting(RewardPool.Score::prompt).containsOnly("a");
    assertThat(asked)
        .extracting(RewardPool.Score::image)
        .containsExactlyElementsOf(samples.stream().map(Sample::image).toList());
  }

  @Test
  void onScored_rewardsInAnyOrder_answersOnceInRowOrderAndStops() {
    score(2, 0.2);
    score(0, 0.0);
    worker.expectNoMessage(java.time.Duration.ZERO);
    score(1, 0.1);

    PostprocessActor.Rewarded reply = worker.expectMessageClass(PostprocessActor.Rewarded.class);
    assertThat(reply.samples()).extracting(RewardedSample::row).isEqualTo(ROWS);
    assertThat(reply.samples())
        .extracting(sample -> sample.reward().total())
        .containsExactly(0.0, 0.1, 0.2);
    worker.expectTerminated(actor);
  }

  @Test
  void onFailed_once_isTriedAgainAndSucceeds() {
    fail(1, "flaky");
    RewardPool.Score again = asked(1).getFirst();
    assertThat(again.image()).isSameAs(samples.get(1).image());
    score(0, 1);
    score(1, 1);
    score(2, 1);

    worker.expectMessageClass(PostprocessActor.Rewarded.class);
  }

  @Test
  void onFailed_twice_namesRowAndSecondCauseAndStops() {
    fail(1, "first");
    fail(0, "another row");
    asked(2);
    fail(1, "second");

    PostprocessActor.Failed reply = worker.expectMessageClass(PostprocessActor.Failed.class);
    assertThat(reply.row()).isEqualTo(ROWS.get(1));
    assertThat(reply.cause()).hasMessage("second");
    worker.expectTerminated(actor);
  }

  private void score(int sample, double reward) {
    asked.get(sample).replyTo().tell(new RewardPool.Scored(sample, new Reward(reward, Map.of())));
  }

  private void fail(int sample, String cause) {
    asked.get(sample).replyTo().tell(new RewardPool.Failed(sample, new Exception(cause)));
  }

  private List<RewardPool.Score> asked(int count) {
    List<RewardPool.Score> orders = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      orders.add(rewards.expectMessageClass(RewardPool.Score.class));
    }
    return orders;
  }

  private static List<Sample> samples() {
    List<RolloutRequest> requests = RolloutRows.requests(ROWS, true, Sampling.ode(2)).requests();
    try (DiffusionEngine engine = new ToyEngines().create(0)) {
      return engine.generate(requests.getFirst());
    }
  }
}
