package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.THROWABLE;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.flowloop.engine.RgbImage;
import io.flowloop.reward.Reward;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.ManualTime;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RewardPoolTest {

  private static final ActorTestKit KIT = ActorTestKit.create(ManualTime.config());
  private static final ManualTime TIME = ManualTime.get(KIT.system());
  private static final Duration TIMEOUT = Duration.ofSeconds(10);
  private static final RgbImage IMAGE = new RgbImage(1, 1, new byte[3]);
  private static final Reward REWARD = new Reward(0.5, Map.of());

  private final TestProbe<RewardPool.Answers> asker = KIT.createTestProbe();
  private final AtomicLong nanos = new AtomicLong();
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

    assertThat(answers(20))
        .allMatch(answer -> answer instanceof RewardPool.Scored)
        .extracting(RewardPool.Answer::sample)
        .containsExactlyInAnyOrder(
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19);
  }

  @Test
  void score_sevenImagesTogether_answersTwoAdjacentPortions() {
    score(pool(2, (_, _) -> REWARD), 0, 1, 2, 3, 4, 5, 6);

    assertThat(asker.receiveSeveralMessages(2))
        .extracting(portion -> portion.answers().stream().map(RewardPool.Answer::sample).toList())
        .containsExactlyInAnyOrder(List.of(0, 1, 2, 3), List.of(4, 5, 6));
  }

  @Test
  void score_imagesTogether_areScoredByBothThreadsAtOnce() {
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
    score(pool, 0, 1, 2, 3);

    assertThat(answers(4)).hasSize(4);
    assertThat(threads).hasSize(2);
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

    assertThat(answers(2)).hasSize(2);
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
    score(pool, 0, 1);

    List<RewardPool.Answer> answers = answers(2);
    assertThat(answers.getFirst())
        .asInstanceOf(type(RewardPool.Failed.class))
        .extracting(RewardPool.Failed::cause)
        .isInstanceOf(NoClassDefFoundError.class);
    assertThat(answers.getLast()).isEqualTo(new RewardPool.Scored(1, REWARD));
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

    timePasses(TIMEOUT);

    // The thread that replaces the first may answer before the second is overdue.
    List<RewardPool.Answer> answers = new ArrayList<>(answers(4));
    answers.sort(Comparator.comparingInt(RewardPool.Answer::sample));
    assertOverdue(answers.get(0));
    assertOverdue(answers.get(1));
    assertThat(answers.subList(2, 4))
        .containsExactly(new RewardPool.Scored(2, REWARD), new RewardPool.Scored(3, REWARD));
    ToyEngines.await(interrupted);
    gate.countDown();
    score(pool, 4);
    assertThat(answers(1)).containsExactly(new RewardPool.Scored(4, REWARD));
  }

  @Test
  void timeout_secondImageOfThreeHangs_keepsTheFirstAndScoresTheThirdElsewhere() {
    CountDownLatch hanging = new CountDownLatch(1);
    ActorRef<RewardPool.Command> pool =
        pool(
            1,
            (prompt, _) -> {
              if (prompt.equals("1")) {
                hanging.countDown();
                ToyEngines.await(gate);
              }
              return REWARD;
            });
    score(pool, 0, 1, 2);
    ToyEngines.await(hanging);

    timePasses(TIMEOUT);

    List<RewardPool.Answer> answers = answers(3);
    assertThat(answers.get(0)).isEqualTo(new RewardPool.Scored(0, REWARD));
    assertOverdue(answers.get(1));
    assertThat(answers.get(2)).isEqualTo(new RewardPool.Scored(2, REWARD));
  }

  @Test
  void timeout_imagesThatTakeLongerTogether_areNotOverdue() {
    List<CountDownLatch> begun = List.of(new CountDownLatch(1), new CountDownLatch(1));
    List<CountDownLatch> mayEnd = List.of(new CountDownLatch(1), new CountDownLatch(1));
    ActorRef<RewardPool.Command> pool =
        pool(
            1,
            (prompt, _) -> {
              begun.get(Integer.parseInt(prompt)).countDown();
              ToyEngines.await(mayEnd.get(Integer.parseInt(prompt)));
              return REWARD;
            });
    Duration most = TIMEOUT.minusSeconds(1);
    score(pool, 0, 1);
    ToyEngines.await(begun.get(0));
    timePasses(most);
    mayEnd.get(0).countDown();
    ToyEngines.await(begun.get(1));
    timePasses(most);
    awaitStats(pool, new RewardPool.Stats(0, 1, 0));
    mayEnd.get(1).countDown();

    assertThat(answers(2))
        .containsExactly(new RewardPool.Scored(0, REWARD), new RewardPool.Scored(1, REWARD));
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
    TestProbe<RewardPool.Answers> leaving = KIT.createTestProbe();
    pool.tell(new RewardPool.Score(List.of(image(1)), leaving.ref()));
    awaitStats(pool, new RewardPool.Stats(1, 1, 0));
    leaving.stop();
    awaitStats(pool, new RewardPool.Stats(0, 1, 0));
    score(pool, 2);
    gate.countDown();

    assertThat(answers(2))
        .containsExactly(new RewardPool.Scored(0, REWARD), new RewardPool.Scored(2, REWARD));
    assertThat(scored).containsExactlyInAnyOrder("0", "2");
  }

  @Test
  void askerStops_itsImagesBehindTheOneBeingScoredAreForgotten() {
    Set<String> scored = ConcurrentHashMap.newKeySet();
    CountDownLatch begun = new CountDownLatch(1);
    ActorRef<RewardPool.Command> pool =
        pool(
            1,
            (prompt, _) -> {
              scored.add(prompt);
              begun.countDown();
              ToyEngines.await(gate);
              return REWARD;
            });
    TestProbe<RewardPool.Answers> leaving = KIT.createTestProbe();
    pool.tell(new RewardPool.Score(List.of(image(0), image(1)), leaving.ref()));
    pool.tell(new RewardPool.Score(List.of(image(2)), leaving.ref()));
    ToyEngines.await(begun);
    awaitStats(pool, new RewardPool.Stats(1, 1, 0));
    leaving.stop();
    // Only a pool that has heard of it has nothing waiting.
    awaitStats(pool, new RewardPool.Stats(0, 1, 0));
    gate.countDown();
    score(pool, 3);

    assertThat(answers(1)).containsExactly(new RewardPool.Scored(3, REWARD));
    assertThat(scored).containsExactlyInAnyOrder("0", "3");
  }

  @Test
  void stop_duringAPortion_scoresNoFurtherImage() {
    Set<String> scored = ConcurrentHashMap.newKeySet();
    CountDownLatch begun = new CountDownLatch(1);
    ActorRef<RewardPool.Command> pool =
        pool(
            1,
            (prompt, _) -> {
              scored.add(prompt);
              begun.countDown();
              ToyEngines.await(gate);
              return REWARD;
            });
    score(pool, 0, 1);
    ToyEngines.await(begun);
    ActorRef<Void> atStop = child(pool, "at-stop");

    CompletableFuture<Void> stopped = CompletableFuture.runAsync(() -> KIT.stop(pool));
    asker.expectTerminated(atStop);
    gate.countDown();

    stopped.join();
    assertThat(scored).containsExactly("0");
  }

  private static ActorRef<Void> child(ActorRef<?> parent, String name) {
    return Adapter.toTyped(
        Adapter.toClassic(KIT.system())
            .actorSelection(parent.path().child(name))
            .resolveOne(TIMEOUT)
            .toCompletableFuture()
            .join());
  }

  private void timePasses(Duration time) {
    nanos.addAndGet(time.toNanos());
    TIME.timePasses(time);
  }

  private static void assertOverdue(RewardPool.Answer answer) {
    assertThat(answer)
        .asInstanceOf(type(RewardPool.Failed.class))
        .extracting(RewardPool.Failed::cause)
        .asInstanceOf(THROWABLE)
        .hasMessage("no reward within PT10S (reward.timeout)");
  }

  /** The next answers, in the order in which they come. */
  private List<RewardPool.Answer> answers(int count) {
    List<RewardPool.Answer> answers = new ArrayList<>();
    while (answers.size() < count) {
      answers.addAll(asker.receiveMessage().answers());
    }
    return answers;
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
    return KIT.spawn(RewardPool.create(scorer, concurrency, TIMEOUT, nanos::get));
  }

  private void score(ActorRef<RewardPool.Command> pool, int... samples) {
    List<RewardPool.Image> images = IntStream.of(samples).mapToObj(RewardPoolTest::image).toList();
    pool.tell(new RewardPool.Score(images, asker.ref()));
  }

  private static RewardPool.Image image(int sample) {
    return new RewardPool.Image(sample, String.valueOf(sample), IMAGE);
  }
}
