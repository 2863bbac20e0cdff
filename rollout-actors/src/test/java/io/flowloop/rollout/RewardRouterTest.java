package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.THROWABLE;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.flowloop.config.ClusterRole;
import io.flowloop.engine.RgbImage;
import io.flowloop.reward.Reward;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.FishingOutcomes;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.receptionist.Receptionist;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A router and hosts of one actor system, with images that go through sockets all the same. */
class RewardRouterTest {

  private static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final String IDENTITY = "1.0 brightness";

  private final ActorTestKit kit = ActorTestKit.create();
  private final SideChannel data =
      SideChannel.open(
          TestCluster.config(List.of(), List.of(ClusterRole.REWARD), Path.of("")),
          Optional.empty());
  private final NodeHealth health = new NodeHealth(0, true);
  private final CountDownLatch gate = new CountDownLatch(1);
  private final Queue<String> scored = new ConcurrentLinkedQueue<>();
  private final TestProbe<RewardPool.Answers> asker = kit.createTestProbe();

  @AfterEach
  void close() {
    gate.countDown();
    kit.shutdownTestKit();
    data.close();
  }

  static RewardPool.Image image(int sample) {
    return new RewardPool.Image(
        sample, "prompt " + sample, new RgbImage(2, 1, new byte[] {1, 2, 3, 4, 5, (byte) sample}));
  }

  private static RewardWork work(RewardScorer scorer) {
    return new RewardWork(scorer, IDENTITY, 2, TIMEOUT, Optional.empty());
  }

  private Reward score(String prompt, RgbImage image) {
    scored.add(prompt);
    return ToyEngines.brightness(prompt, image);
  }

  private ActorRef<RewardPool.Command> router(boolean scoresItself, Duration patience) {
    return kit.spawn(RewardRouter.create(work(this::score), scoresItself, data.server(), patience));
  }

  private ActorRef<RewardHost.Command> host(RewardWork work, DataClient client) {
    return kit.spawn(RewardHost.create(new RewardHost.Means(work, client, health, TIMEOUT)));
  }

  private ActorRef<RewardHost.Command> host(RewardScorer scorer) {
    return host(work(scorer), data.client());
  }

  private void score(ActorRef<RewardPool.Command> router, int images) {
    router.tell(
        new RewardPool.Score(
            IntStream.range(0, images).mapToObj(RewardRouterTest::image).toList(), asker.ref()));
  }

  /** The next answers, in the order of the images. */
  private List<RewardPool.Answer> answers(int count) {
    List<RewardPool.Answer> answers = new ArrayList<>();
    while (answers.size() < count) {
      answers.addAll(asker.receiveMessage(TIMEOUT).answers());
    }
    answers.sort(Comparator.comparingInt(RewardPool.Answer::sample));
    return answers;
  }

  static List<RewardPool.Answer> expected(int images) {
    return IntStream.range(0, images)
        .mapToObj(RewardRouterTest::image)
        .<RewardPool.Answer>map(
            image ->
                new RewardPool.Scored(
                    image.sample(), ToyEngines.brightness(image.prompt(), image.pixels())))
        .toList();
  }

  private void awaitStats(ActorRef<RewardPool.Command> router, RewardPool.Stats expected) {
    TestProbe<RewardPool.Stats> statistician = kit.createTestProbe();
    statistician.awaitAssert(
        TIMEOUT,
        () -> {
          router.tell(new RewardPool.GetStats(statistician.ref()));
          return statistician.expectMessage(expected);
        });
  }

  private void awaitNothingHeld() {
    asker.awaitAssert(
        TIMEOUT,
        () -> {
          assertThat(data.bytesHeld()).isZero();
          return 0;
        });
  }

  private static Throwable causeOf(RewardPool.Answer answer) {
    return ((RewardPool.Failed) answer).cause();
  }

  @Test
  void score_onTwoHosts_answersEachImageOnceAsALocalPoolWould() {
    host(this::score);
    host(this::score);

    score(router(false, TIMEOUT), 40);

    assertThat(answers(40)).isEqualTo(expected(40));
    assertThat(scored).hasSize(40);
    awaitNothingHeld();
  }

  @Test
  void score_withAPoolOfItsOwn_takesBoth() {
    ActorRef<RewardPool.Command> router =
        kit.spawn(
            RewardRouter.create(
                work(
                    (prompt, image) -> {
                      ToyEngines.await(gate);
                      return score(prompt, image);
                    }),
                true,
                data.server(),
                TIMEOUT));
    score(router, 16);
    host(
        (prompt, image) -> {
          gate.countDown();
          return score(prompt, image);
        });

    assertThat(answers(16)).isEqualTo(expected(16));
    assertThat(scored).hasSize(16);
  }

  @Test
  void host_thatLeaves_hasItsImagesScoredElsewhereAndEachIsAnsweredOnce() {
    CountDownLatch begun = new CountDownLatch(1);
    ActorRef<RewardHost.Command> leaver =
        host(
            (prompt, image) -> {
              begun.countDown();
              ToyEngines.await(gate);
              return ToyEngines.brightness(prompt, image);
            });
    ActorRef<RewardPool.Command> router = router(false, TIMEOUT);
    score(router, 6);
    ToyEngines.await(begun);

    leaver.tell(new RewardHost.Leave());
    host(this::score);

    assertThat(answers(6)).isEqualTo(expected(6));
    assertThat(scored).hasSize(6);
    gate.countDown();
    awaitNothingHeld();
    asker.expectNoMessage(Duration.ZERO);
  }

  @Test
  void host_thatVanishesAfterSomeAnswers_hasTheOthersScoredElsewhere() {
    TestProbe<RewardHost.Command> host = kit.createTestProbe();
    kit.system().receptionist().tell(Receptionist.register(RewardHost.KEY, host.ref()));
    ActorRef<RewardPool.Command> router = router(false, TIMEOUT);
    host.expectMessageClass(RewardHost.Describe.class)
        .replyTo()
        .tell(new RewardHost.Description(host.ref(), "b:1", IDENTITY, 2));
    score(router, 3);
    RewardHost.Want want = awaitPortion(host);
    RewardHost.Portion portion = want.portions().getFirst();
    List<RewardPool.Image> images =
        ImageBlob.decode(data.client().fetch(portion.images(), TIMEOUT).join());
    RewardHost.Report first = report(want, portion, images.getFirst().sample(), 0.25);
    RewardHost.Report changed = report(want, portion, images.getFirst().sample(), 0.5);

    want.trainer().tell(first);
    want.trainer().tell(first);
    want.trainer().tell(changed);
    want.trainer().tell(report(want, portion, 1_000, 0.75));
    assertThat(answers(1))
        .containsExactly(new RewardPool.Scored(0, new Reward(0.25, Map.of("x", 1.0))));
    host.stop();
    host(this::score);

    assertThat(answers(2)).isEqualTo(expected(3).subList(1, 3));
    assertThat(scored).containsExactlyInAnyOrder("prompt 1", "prompt 2");
    asker.expectNoMessage(Duration.ZERO);
  }

  private static RewardHost.Want awaitPortion(TestProbe<RewardHost.Command> host) {
    return (RewardHost.Want)
        host.fishForMessage(
                TIMEOUT,
                command ->
                    command instanceof RewardHost.Want want && !want.portions().isEmpty()
                        ? FishingOutcomes.complete()
                        : FishingOutcomes.continueAndIgnore())
            .getFirst();
  }

  private static RewardHost.Report report(
      RewardHost.Want want, RewardHost.Portion portion, int image, double total) {
    return new RewardHost.Report(
        want.session(),
        List.of(
            new RewardHost.Scored(
                portion.number(), image, total, List.of(new RewardHost.Part("x", 1)))),
        List.of(),
        List.of(),
        false);
  }

  @Test
  void asker_thatStops_hasNothingScoredAndHeldForItAnyMore() {
    CountDownLatch begun = new CountDownLatch(2);
    host(
        (prompt, image) -> {
          scored.add(prompt);
          begun.countDown();
          ToyEngines.await(gate);
          return ToyEngines.brightness(prompt, image);
        });
    ActorRef<RewardPool.Command> router = router(false, TIMEOUT);
    score(router, 20);
    ToyEngines.await(begun);

    asker.stop();

    awaitStats(router, new RewardPool.Stats(0, 0, 0));
    awaitNothingHeld();
    assertThat(scored).hasSize(2);
  }

  @Test
  void host_thatCannotPull_isNoFailureOfTheReward() {
    DataClient closed =
        DataClient.create(
            new DataClient.Settings(1 << 20, 1, 0, Duration.ofSeconds(1)), Optional.empty());
    closed.close();
    host(work(this::score), closed);
    ActorRef<RewardPool.Command> router = router(false, TIMEOUT);
    score(router, 4);
    awaitStats(router, new RewardPool.Stats(1, 0, 0));
    host(this::score);

    assertThat(answers(4)).isEqualTo(expected(4));
  }

  @Test
  void host_withACanary_isGivenImagesWhenItIsScored() {
    CountDownLatch begun = new CountDownLatch(1);
    RewardWork work =
        new RewardWork(
            (prompt, image) -> {
              begun.countDown();
              ToyEngines.await(gate);
              return score(prompt, image);
            },
            IDENTITY,
            2,
            TIMEOUT,
            Optional.of(image(7)));
    host(work, data.client());
    score(router(false, TIMEOUT), 4);
    ToyEngines.await(begun);
    assertThat(health.canaryReward()).isFalse();

    gate.countDown();

    assertThat(answers(4)).isEqualTo(expected(4));
    assertThat(scored).hasSize(5).startsWith("prompt 7");
    assertThat(health.canaryReward()).isTrue();
  }

  @Test
  void host_ofOtherRewards_isLeftAlone() {
    Queue<String> strange = new ConcurrentLinkedQueue<>();
    host(
        new RewardWork(
            (prompt, image) -> {
              strange.add(prompt);
              return score(prompt, image);
            },
            "2.0 brightness",
            2,
            TIMEOUT,
            Optional.empty()),
        data.client());
    host(this::score);

    score(router(false, TIMEOUT), 40);

    assertThat(answers(40)).isEqualTo(expected(40));
    assertThat(strange).isEmpty();
  }

  @Test
  void reward_thatThrowsAtAHost_isThatImagesFailure() {
    host(
        (prompt, image) -> {
          if (prompt.equals("prompt 1")) {
            throw new IllegalStateException("no text ".repeat(100));
          }
          return score(prompt, image);
        });

    score(router(false, TIMEOUT), 3);

    List<RewardPool.Answer> answers = answers(3);
    assertThat(List.of(answers.get(0), answers.get(2)))
        .isEqualTo(List.of(expected(3).get(0), expected(3).get(2)));
    assertThat(answers.get(1))
        .asInstanceOf(type(RewardPool.Failed.class))
        .extracting(RewardPool.Failed::cause, THROWABLE)
        .hasMessageStartingWith(
            "rewards of RewardRouterTest: IllegalStateException: no text no text");
    assertThat(causeOf(answers.get(1)).getMessage()).hasSizeLessThan(500);
  }

  @Test
  void score_nobodyThere_waitsAndThenFailsWithWhatIsMissing() {
    ActorRef<RewardPool.Command> router = router(false, Duration.ofMillis(300));
    score(router, 2);

    assertThat(answers(2))
        .extracting(RewardRouterTest::causeOf)
        .allSatisfy(
            cause ->
                assertThat(cause)
                    .hasMessageContainingAll("PT0.3S", "flowloop node --roles reward"));
    awaitStats(router, new RewardPool.Stats(0, 0, 2));
    host(this::score);
    asker.awaitAssert(
        TIMEOUT,
        () -> {
          score(router, 2);
          assertThat(answers(2)).isEqualTo(expected(2));
          return 0;
        });
  }
}
