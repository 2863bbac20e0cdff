package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.THROWABLE;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.flowloop.engine.RgbImage;
import io.flowloop.reward.Reward;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.ManualTime;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RewardPoolTest {

  private static final ActorTestKit KIT = ActorTestKit.create(ManualTime.config());
  private static final ManualTime TIME = ManualTime.get(KIT.system());
  private static final Duration TIMEOUT = Duration.ofSeconds(10);
  private static final RgbImage IMAGE = new RgbImage(1, 1, new byte[3]);
  private static final Reward REWARD = new Reward(0.5, Map.of());

  private final TestProbe<RewardPool.Reply> asker = KIT.createTestProbe();
  private final CountDownLatch gate = new CountDownLatch(1);

  @AfterEach
  void openTheGate() {
    gate.countDown();
  }

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  @Test
  void score_moreImagesThanThreads_answersEach() {
    ActorRef<RewardPool.Command> pool = pool(2, (_, _) -> REWARD);
    for (int i = 0; i < 20; i++) {
      score(pool, i);
    }

    assertThat(asker.receiveSeveralMessages(20))
        .allMatch(reply -> reply instanceof RewardPool.Scored)
        .extracting(RewardPool.Reply::sample)
        .containsExactlyInAnyOrder(
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19);
  }

  @Test
  void score_concurrencyTwo_runsTwoAtOnceOnThreadsOfTheirOwn() {
    CountDownLatch both = new CountDownLatch(2);
    Set<Thread> threads = ConcurrentHashMap.newKeySet();
    ActorRef<RewardPool.Command> pool =
        pool(
            2,
            (_, _) -> {
              threads.add(Thread.currentThread());
              both.countDown();
              ToyEngines.await(both);
              return REWARD;
            });
    score(pool, 0);
    score(pool, 1);

    asker.receiveSeveralMessages(2);
    assertThat(threads).hasSize(2);
  }

  @Test
  void score_functionThrowsAnError_failsTheImageAndTheThreadGoesOn() {
    ActorRef<RewardPool.Command> pool =
        pool(
            1,
            (prompt, _) -> {
              if (prompt.equals("0")) {
                throw new NoClassDefFoundError("tesseract");
              }
              return REWARD;
            });
    score(pool, 0);
    score(pool, 1);

    assertThat(asker.expectMessageClass(RewardPool.Failed.class).cause())
        .isInstanceOf(NoClassDefFoundError.class);
    asker.expectMessage(new RewardPool.Scored(1, REWARD));
  }

  @Test
  void timeout_hangingFunctionThatIgnoresInterrupts_failsAndThePoolDoesNotShrink() {
    CountDownLatch hanging = new CountDownLatch(2);
    CountDownLatch interrupted = new CountDownLatch(2);
    ActorRef<RewardPool.Command> pool =
        pool(
            2,
            (prompt, _) -> {
              if (Integer.parseInt(prompt) < 2) {
                hanging.countDown();
                hangWhateverComes(interrupted);
              }
              return REWARD;
            });
    score(pool, 0);
    score(pool, 1);
    ToyEngines.await(hanging);
    score(pool, 2);
    score(pool, 3);
    asker.expectNoMessage(Duration.ZERO);

    TIME.timePasses(TIMEOUT);

    // The thread that replaces the first may answer before the second is overdue.
    Map<Integer, RewardPool.Reply> replies =
        asker.receiveSeveralMessages(4).stream()
            .collect(Collectors.toMap(RewardPool.Reply::sample, Function.identity()));
    for (int i = 0; i < 2; i++) {
      assertThat(replies.get(i))
          .asInstanceOf(type(RewardPool.Failed.class))
          .extracting(RewardPool.Failed::cause)
          .asInstanceOf(THROWABLE)
          .hasMessage("no reward within PT10S (reward.timeout)");
    }
    assertThat(replies)
        .containsEntry(2, new RewardPool.Scored(2, REWARD))
        .containsEntry(3, new RewardPool.Scored(3, REWARD));
    ToyEngines.await(interrupted);
    gate.countDown();
    score(pool, 4);
    asker.expectMessage(new RewardPool.Scored(4, REWARD));
  }

  @Test
  void askerStops_itsWaitingImagesAreForgotten() {
    Set<String> scored = ConcurrentHashMap.newKeySet();
    ActorRef<RewardPool.Command> pool =
        pool(
            1,
            (prompt, _) -> {
              scored.add(prompt);
              ToyEngines.await(gate);
              return REWARD;
            });
    score(pool, 0);
    TestProbe<RewardPool.Reply> leaving = KIT.createTestProbe();
    pool.tell(new RewardPool.Score(1, "left", IMAGE, leaving.ref()));
    awaitStats(pool, new RewardPool.Stats(1, 1));
    leaving.stop();
    awaitStats(pool, new RewardPool.Stats(0, 1));
    score(pool, 2);
    gate.countDown();

    asker.expectMessage(new RewardPool.Scored(0, REWARD));
    asker.expectMessage(new RewardPool.Scored(2, REWARD));
    assertThat(scored).containsExactlyInAnyOrder("0", "2");
  }

  private static void awaitStats(ActorRef<RewardPool.Command> pool, RewardPool.Stats expected) {
    TestProbe<RewardPool.Stats> statistician = KIT.createTestProbe();
    statistician.awaitAssert(
        () -> {
          pool.tell(new RewardPool.GetStats(statistician.ref()));
          return statistician.expectMessage(expected);
        });
  }

  private void hangWhateverComes(CountDownLatch interrupted) {
    while (gate.getCount() > 0) {
      try {
        gate.await();
      } catch (InterruptedException e) {
        interrupted.countDown();
      }
    }
  }

  private ActorRef<RewardPool.Command> pool(int concurrency, RewardScorer scorer) {
    return KIT.spawn(RewardPool.create(scorer, concurrency, TIMEOUT));
  }

  private void score(ActorRef<RewardPool.Command> pool, int sample) {
    pool.tell(new RewardPool.Score(sample, String.valueOf(sample), IMAGE, asker.ref()));
  }
}
