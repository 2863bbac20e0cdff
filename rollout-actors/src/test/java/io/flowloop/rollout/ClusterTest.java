package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.apache.pekko.actor.PoisonPill;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A trainer and nodes in one process, which talk over TLS as in many. */
class ClusterTest {

  private static final Duration TIMEOUT = Duration.ofMinutes(2);

  private final CountDownLatch gate = new CountDownLatch(1);
  private final ToyEngines engines = new ToyEngines();
  private TestCluster cluster = cluster();

  private static TestCluster cluster() {
    return new TestCluster(TestCertificates.node(), 1, TIMEOUT);
  }

  @AfterEach
  void close() throws Exception {
    gate.countDown();
    cluster.close();
  }

  private static RolloutRequest request(int number) {
    return RolloutRequest.of("prompt " + number, Sampling.ode(2), number, number + 100);
  }

  private TestProbe<EngineRouter.Reply> draw(int requests) {
    TestProbe<EngineRouter.Reply> asker = cluster.probe();
    for (int i = 0; i < requests; i++) {
      cluster.tell(new EngineRouter.Generate(request(i), asker.ref()));
    }
    return asker;
  }

  private static List<EngineRouter.Generated> generated(
      TestProbe<EngineRouter.Reply> asker, int requests) {
    return IntStream.range(0, requests)
        .mapToObj(_ -> (EngineRouter.Generated) asker.receiveMessage(TestCluster.LONG))
        .toList();
  }

  private EngineRouter.SyncReply sync(PolicyWeights weights) {
    TestProbe<EngineRouter.SyncReply> asker = cluster.probe();
    cluster.tell(new EngineRouter.SyncWeights(weights, asker.ref()));
    return asker.receiveMessage(TestCluster.LONG);
  }

  private void assertLeasesEnd() {
    cluster
        .<Object>probe()
        .awaitAssert(
            TestCluster.LONG,
            () -> {
              assertThat(cluster.stats().leases()).containsOnly(0);
              return 0;
            });
  }

  @Test
  void generate_onTwoNodes_drawsAllRequestsOnceAndAsALocalEngineWould() throws Exception {
    ToyEngines others = new ToyEngines();
    cluster.node(engines);
    cluster.node(others);
    cluster.awaitReady(2);

    List<EngineRouter.Generated> answers = generated(draw(20), 20);

    assertThat(answers)
        .extracting(EngineRouter.Generated::request)
        .containsExactlyInAnyOrderElementsOf(
            IntStream.range(0, 20).mapToObj(ClusterTest::request).toList());
    try (var local = new ToyEngines().create(0)) {
      for (EngineRouter.Generated answer : answers) {
        assertThat(pixels(answer.samples())).isEqualTo(pixels(local.generate(answer.request())));
      }
    }
    assertThat(engines.drawn().size() + others.drawn().size()).isEqualTo(22); // with two canaries
    assertThat(engines.drawn()).hasSizeGreaterThan(5);
    assertThat(others.drawn()).hasSizeGreaterThan(5);
    assertLeasesEnd();
  }

  private static List<String> pixels(List<Sample> samples) {
    return samples.stream().map(sample -> HexFormat.of().formatHex(sample.image().rgb())).toList();
  }

  @Test
  void sync_reachesEveryNode_andThoseThatJoinLater() {
    cluster.node(engines);
    cluster.awaitReady(1);
    assertThat(sync(ToyEngines.weights(3))).isEqualTo(new EngineRouter.Synced(3, 1));

    ToyEngines late = new ToyEngines();
    cluster.node(late);
    cluster.awaitReady(2);

    assertThat(late.loaded()).extracting(ToyEngines.Loaded::version).containsExactly(3L);
    assertThat(generated(draw(8), 8))
        .flatExtracting(EngineRouter.Generated::samples)
        .extracting(Sample::policyVersion)
        .containsOnly(3L);
  }

  @Test
  void node_thatLeaves_hasItsRequestsDrawnByOthers() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    ClusterNode leaver =
        cluster.node(
            engines.before(
                drawn -> {
                  if (!drawn.request().prompt().equals("canary")) {
                    begun.countDown();
                    ToyEngines.awaitInterrupt();
                  }
                }));
    cluster.awaitReady(1);
    TestProbe<EngineRouter.Reply> asker = draw(4);
    ToyEngines.await(begun);
    cluster.node(new ToyEngines());
    cluster.awaitReady(2);

    leaver.close();

    assertThat(generated(asker, 4)).hasSize(4);
    assertThat(TestCluster.ended(leaver)).isEqualTo(ClusterNode.End.CLOSED);
    assertLeasesEnd();
  }

  @Test
  void engine_thatDies_isReplacedAndItsRequestDrawnAgain() {
    AtomicBoolean died = new AtomicBoolean();
    cluster.node(
        engines.before(
            drawn -> {
              if (drawn.request().prompt().equals("prompt 1") && died.compareAndSet(false, true)) {
                throw new OutOfMemoryError("a test's");
              }
            }));
    cluster.awaitReady(1);

    assertThat(generated(draw(3), 3)).hasSize(3);
    assertThat(died).isTrue();
    assertThat(cluster.stats().leases()).hasSize(2);
    assertLeasesEnd();
  }

  @Test
  void engine_thatTheRouterStops_comesBackAsANewOne() {
    AtomicBoolean wrong = new AtomicBoolean();
    cluster.node(
        engines.loading(
            (_, weights) -> weights.checksum() + (wrong.compareAndSet(false, true) ? 1 : 0)));
    cluster.awaitReady(1);

    assertThat(sync(ToyEngines.weights(3))).isInstanceOf(EngineRouter.SyncFailed.class);
    cluster.awaitReady(1);

    assertThat(cluster.stats().leases()).hasSize(2);
    assertThat(sync(ToyEngines.weights(4))).isEqualTo(new EngineRouter.Synced(4, 1));
    assertThat(generated(draw(2), 2)).hasSize(2);
  }

  @Test
  void engine_ofAnotherModel_isLeftAlone() {
    ToyEngines strange = new ToyEngines();
    cluster.node(strange, "another", TestCertificates.node());
    cluster.node(engines);
    cluster.awaitReady(1);

    assertThat(generated(draw(4), 4)).hasSize(4);
    assertThat(strange.drawn())
        .extracting(drawn -> drawn.request().prompt())
        .allMatch("canary"::equals);
  }

  @Test
  void node_ofAnotherAuthority_doesNotJoin_andTheOthersGoOn() {
    ToyEngines strange = new ToyEngines();
    ClusterNode stranger = cluster.node(strange, TestCluster.MODEL, TestCertificates.stranger());
    cluster.node(engines);
    cluster.awaitReady(1);

    assertThat(generated(draw(4), 4)).hasSize(4);
    assertThat(stranger.health().memberUp()).isFalse();
    assertThat(cluster.stats().ready()).isEqualTo(1);
  }

  @Test
  void trainer_thatEnds_endsItsNodes() throws Exception {
    ClusterNode node = cluster.node(engines);
    cluster.awaitReady(1);

    cluster.closeTrainer();

    assertThat(TestCluster.ended(node)).isEqualTo(ClusterNode.End.LEFT);
    assertThat(engines.open()).isZero();
    cluster = cluster();
  }

  @Test
  void engine_thatCannotBeCreated_endsItsNodeWithTheCause() {
    ClusterNode node =
        cluster.node(
            _ -> {
              throw new EngineException("no such weights");
            });

    assertThat(node.ended().toCompletableFuture())
        .failsWithin(TestCluster.LONG)
        .withThrowableThat()
        .withStackTraceContaining("no such weights");
  }

  @Test
  void request_longerThanAMessage_failsWithTheKnobsToTurn() {
    cluster.node(engines);
    cluster.awaitReady(1);
    TestProbe<EngineRouter.Reply> asker = cluster.probe();
    cluster.tell(
        new EngineRouter.Generate(
            RolloutRequest.of("x".repeat(50_000), Sampling.ode(2), 1), asker.ref()));

    EngineRouter.Failed failed = (EngineRouter.Failed) asker.receiveMessage(TestCluster.LONG);
    assertThat(failed.cause()).hasMessageContaining("shorten the prompt");
  }

  @Test
  void rewards_onNodes_areThoseOfOneProcess_alsoIfANodeLeavesMeanwhile() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    ClusterNode leaver =
        cluster.node(
            rewards(
                (prompt, image) -> {
                  if (!prompt.equals("canary")) {
                    begun.countDown();
                    ToyEngines.await(gate);
                  }
                  return ToyEngines.brightness(prompt, image);
                }));
    TestProbe<RewardPool.Answers> asker =
        score(cluster.rewards(rewards(ToyEngines::brightness)), 12);
    ToyEngines.await(begun);
    asker.awaitAssert(
        TestCluster.LONG,
        () ->
            assertThat(leaver.health())
                .returns(true, NodeHealth::memberUp)
                .returns(true, NodeHealth::modelLoaded)
                .returns(true, NodeHealth::canaryForward)
                .returns(true, NodeHealth::canaryReward));

    leaver.close();
    cluster.node(rewards(ToyEngines::brightness));

    assertThat(answers(asker, 12)).isEqualTo(RewardRouterTest.expected(12));
    gate.countDown();
    assertThat(TestCluster.ended(leaver)).isEqualTo(ClusterNode.End.CLOSED);
  }

  private TestProbe<RewardPool.Answers> score(ActorRef<RewardPool.Command> router, int images) {
    TestProbe<RewardPool.Answers> asker = cluster.probe();
    router.tell(
        new RewardPool.Score(
            IntStream.range(0, images).mapToObj(RewardRouterTest::image).toList(), asker.ref()));
    return asker;
  }

  private static List<RewardPool.Answer> answers(TestProbe<RewardPool.Answers> asker, int images) {
    List<RewardPool.Answer> answers = new ArrayList<>();
    while (answers.size() < images) {
      answers.addAll(asker.receiveMessage(TestCluster.LONG).answers());
    }
    answers.sort(Comparator.comparingInt(RewardPool.Answer::sample));
    return answers;
  }

  @Test
  void rewards_ofANodeStartedAgainWithItsPort_areNotLostAgain() throws Exception {
    ActorRef<RewardPool.Command> router = cluster.rewards(rewards(ToyEngines::brightness));
    ClusterNode first = cluster.node(rewards(ToyEngines::brightness));
    assertThat(answers(score(router, 4), 4)).isEqualTo(RewardRouterTest.expected(4));
    int port = first.system().address().getPort().orElseThrow();

    first.close();
    assertThat(TestCluster.ended(first)).isEqualTo(ClusterNode.End.CLOSED);
    AtomicInteger canaries = new AtomicInteger();
    RewardScorer scorer =
        (prompt, image) -> {
          canaries.addAndGet(prompt.equals("canary") ? 1 : 0);
          return ToyEngines.brightness(prompt, image);
        };
    cluster.node(rewards(scorer), port);

    assertThat(answers(score(router, 4), 4)).isEqualTo(RewardRouterTest.expected(4));
    assertThat(canaries).as("hosts, a new one whenever one was lost").hasValue(1);
  }

  @Test
  void rewards_whoseRouterEnds_scoreForTheNextOne() {
    cluster.node(rewards(ToyEngines::brightness));
    ActorRef<RewardPool.Command> router = cluster.rewards(rewards(ToyEngines::brightness));
    assertThat(answers(score(router, 4), 4)).isEqualTo(RewardRouterTest.expected(4));

    Adapter.toClassic(router)
        .tell(PoisonPill.getInstance(), org.apache.pekko.actor.ActorRef.noSender());
    ActorRef<RewardPool.Command> next = cluster.rewards(rewards(ToyEngines::brightness));

    assertThat(answers(score(next, 4), 4)).isEqualTo(RewardRouterTest.expected(4));
  }

  @Test
  void rewards_thatCannotScoreACanary_endTheirNodeWithTheCause() {
    ClusterNode node =
        cluster.node(
            rewards(
                (_, _) -> {
                  throw new NoClassDefFoundError("no such library");
                }));

    assertThat(node.ended().toCompletableFuture())
        .failsWithin(TestCluster.LONG)
        .withThrowableThat()
        .withStackTraceContaining("rewards, 1.0 brightness: a first image has no score")
        .withStackTraceContaining("no such library");
    assertThat(node.health().canaryReward()).isFalse();
  }

  private static RewardWork rewards(RewardScorer scorer) {
    return new RewardWork(
        scorer,
        "1.0 brightness",
        2,
        TIMEOUT,
        Optional.of(new RewardPool.Image(0, "canary", RewardRouterTest.image(0).pixels())));
  }
}
