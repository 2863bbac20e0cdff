package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.Sampling;
import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.RewardPool;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.RolloutRow;
import io.flowloop.rollout.RolloutRows;
import io.flowloop.rollout.ToyEngines;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.FishingOutcomes;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class AgentLoopWorkerTest {

  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final List<RolloutRow> ROWS =
      RolloutRows.repeatInterleaved(List.of("a", "b", "c"), 4, 42, 0);

  private final ToyEngines engines = new ToyEngines();
  private final TestProbe<AgentLoopWorker.Event> rollout = KIT.createTestProbe();
  private final List<RolloutGroup> whole = new ArrayList<>();

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  @Test
  void begin_shuffledRows_runsThemSinglySaysSoAndGathersThemInRowOrder() {
    List<RolloutRow> shuffled = new ArrayList<>(ROWS);
    Collections.shuffle(shuffled, new Random(1));

    AgentLoopWorker.Finished finished = finished(shuffled);

    assertThat(engines.drawn()).allMatch(drawn -> drawn.request().rows() == 1);
    assertThat(finished.batching().rowsBatched()).isZero();
    assertThat(finished.batching().reasons())
        .containsExactlyInAnyOrder(
            "the rows of group 0 are not adjacent",
            "the rows of group 1 are not adjacent",
            "the rows of group 2 are not adjacent");
    assertRowsInOrder();
  }

  @Test
  void begin_rowsInOrder_makesOneRequestAGroup() {
    AgentLoopWorker.Finished finished = finished(ROWS);

    assertThat(finished.batching()).hasToString("batched 12/12 rows in 3 requests");
    assertRowsInOrder();
  }

  @Test
  void begin_samplesOfAnotherPolicyVersion_dropsTheirGroupsAndScoresNothing() {
    spawn(ROWS, 1);

    for (int group = 0; group < 3; group++) {
      AgentLoopWorker.Dropped dropped = rollout.expectMessageClass(AgentLoopWorker.Dropped.class);
      assertThat(dropped.group().cause())
          .hasMessageMatching(
              "rows \\d+ to \\d+, prompt '[abc]': drawn with policy version 0 \\(expected: 1\\)");
    }
    rollout.expectMessageClass(AgentLoopWorker.Finished.class);
  }

  /** Fills {@link #whole}, too. */
  private AgentLoopWorker.Finished finished(List<RolloutRow> rows) {
    spawn(rows, 0);
    List<AgentLoopWorker.Event> events =
        rollout.fishForMessage(
            TIMEOUT,
            event ->
                event instanceof AgentLoopWorker.Finished
                    ? FishingOutcomes.complete()
                    : FishingOutcomes.continueAndCollect());
    for (AgentLoopWorker.Event event : events) {
      if (event instanceof AgentLoopWorker.Whole(RolloutGroup group)) {
        whole.add(group);
      }
    }
    return (AgentLoopWorker.Finished) events.getLast();
  }

  private void spawn(List<RolloutRow> rows, long policyVersion) {
    ActorRef<EngineRouter.Command> router =
        KIT.spawn(EngineRouter.create(engines, ToyEngines.rules(2, TIMEOUT)));
    ActorRef<RewardPool.Command> rewards =
        KIT.spawn(RewardPool.create(ToyEngines::brightness, 2, TIMEOUT));
    AgentLoopWorker.Means means =
        new AgentLoopWorker.Means(
            new DiffusionSingleTurn(), true, Sampling.ode(2), policyVersion, router, rewards);
    KIT.spawn(AgentLoopWorker.create(rows, means, rollout.ref())).tell(new AgentLoopWorker.Begin());
  }

  /** Those of each group, as workers tell groups when they are whole. */
  private void assertRowsInOrder() {
    assertThat(
            whole.stream()
                .sorted(Comparator.comparingInt(RolloutGroup::index))
                .flatMap(group -> group.samples().stream())
                .map(sample -> sample.row().index()))
        .containsExactlyElementsOf(IntStream.range(0, 12).boxed().toList());
  }
}
