package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.HostTensor;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.ManualTime;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Engines that join a router, cannot be reached, and come back. */
class EngineFleetTest {

  private static final ActorTestKit KIT = ActorTestKit.create(ManualTime.config());
  private static final ManualTime TIME = ManualTime.get(KIT.system());
  private static final Duration TIMEOUT = Duration.ofMinutes(5);
  private static final PolicyWeights WEIGHTS = ToyEngines.weights(3);

  private final ToyEngines engines = new ToyEngines();
  private final CountDownLatch gate = new CountDownLatch(1);
  private final TestProbe<EngineRouter.Reply> asker = KIT.createTestProbe();
  private final TestProbe<EngineRouter.Availability> waiter = KIT.createTestProbe();
  private final TestProbe<EngineRouter.SyncReply> trainer = KIT.createTestProbe();

  @AfterEach
  void openTheGate() {
    gate.countDown();
  }

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  @Test
  void join_enoughEngines_requestsThatWaitedAreDrawn() {
    ActorRef<EngineRouter.Command> router = router(2);
    ask(router, "a");
    router.tell(new EngineRouter.AwaitEngines(waiter.ref()));
    join(router, "one");
    assertThat(stats(router).waiting()).isEqualTo(1);

    join(router, "two");

    assertThat(waiter.receiveMessage().unusable()).isEmpty();
    asker.expectMessageClass(EngineRouter.Generated.class);
  }

  @Test
  void join_tooFewInTheirTime_failsAndDrawsOnceTheyAreThere() {
    ActorRef<EngineRouter.Command> router = router(1);
    router.tell(new EngineRouter.AwaitEngines(waiter.ref()));
    ask(router, "a");

    TIME.timePasses(TIMEOUT.plus(RouterClock.TICK));

    assertThat(waiter.receiveMessage().unusable().orElseThrow())
        .hasMessage(
            "engines: 0 ready for PT5M (expected: 1 or more, cluster.minEngines, on nodes of this"
                + " cluster)");
    asker.expectMessageClass(EngineRouter.Failed.class);
    join(router, "one");
    awaitVersions(router, List.of(0L));
    ask(router, "b");
    asker.expectMessageClass(EngineRouter.Generated.class);
  }

  @Test
  void join_afterASync_loadsTheWeightsBeforeItDraws() {
    ActorRef<EngineRouter.Command> router = router(1);
    join(router, "one");
    sync(router);
    trainer.expectMessage(new EngineRouter.Synced(3, 1));
    engines.before(drawn -> awaitUnless(drawn.engine() == 1));

    join(router, "two");
    awaitVersions(router, List.of(3L, 3L));
    ask(router, "held");
    ask(router, "b");

    EngineRouter.Generated done = asker.expectMessageClass(EngineRouter.Generated.class);
    assertThat(done.samples()).extracting(Sample::policyVersion).containsOnly(3L);
    assertThat(engines.loaded())
        .containsExactly(new ToyEngines.Loaded(0, 3), new ToyEngines.Loaded(1, 3));
  }

  @Test
  void reach_engineCannotBeReached_othersDrawItsRequestsAndItsOwnResultsAreLate() {
    ActorRef<EngineRouter.Command> router = router(1);
    CountDownLatch begun = new CountDownLatch(1);
    engines.before(
        drawn -> {
          begun.countDown();
          awaitUnless(drawn.engine() == 1);
        });
    join(router, "one");
    ask(router, "a");
    ask(router, "b");
    ToyEngines.await(begun);

    router.tell(new EngineRouter.Reach("one", false));
    join(router, "two");

    assertThat(asker.receiveSeveralMessages(2))
        .allMatch(reply -> reply instanceof EngineRouter.Generated);
    assertThat(stats(router).leases()).containsExactly(0, 0);
    gate.countDown();
    asker.awaitAssert(
        () -> {
          assertThat(stats(router).lateResults()).isEqualTo(2);
          return true;
        });
    assertThat(stats(router).retries()).isEqualTo(2);
  }

  @Test
  void reach_engineStartsWhileItCannotBeReached_drawsOnceItCan() {
    ActorRef<EngineRouter.Command> router = router(1);
    router.tell(
        new EngineRouter.Join(
            "one",
            (index, events) ->
                EngineActor.create(
                    index,
                    i -> {
                      ToyEngines.await(gate);
                      return engines.create(i);
                    },
                    events)));
    router.tell(new EngineRouter.Reach("one", false));
    gate.countDown();
    asker.awaitAssert(
        () -> {
          assertThat(engines.open()).isEqualTo(1);
          return true;
        });

    router.tell(new EngineRouter.Reach("one", true));

    awaitReady(router, 1);
  }

  @Test
  void reach_engineComesBackAfterASync_catchesUpFirst() {
    ActorRef<EngineRouter.Command> router = router(1);
    join(router, "one");
    join(router, "two");
    awaitReady(router, 2);
    router.tell(new EngineRouter.Reach("two", false));
    sync(router);
    trainer.expectMessage(new EngineRouter.Synced(3, 1));
    assertThat(stats(router).policyVersions()).containsExactly(3L, 0L);

    router.tell(new EngineRouter.Reach("two", true));

    awaitVersions(router, List.of(3L, 3L));
  }

  /** Validations draw with averages of the version that the policy has too. */
  @Test
  void reach_engineMissedOtherWeightsOfTheSameVersion_loadsThoseBeforeItDraws() {
    ActorRef<EngineRouter.Command> router = router(1);
    join(router, "one");
    join(router, "two");
    awaitReady(router, 2);
    sync(router, WEIGHTS);
    trainer.expectMessage(new EngineRouter.Synced(3, 2));
    PolicyWeights others =
        PolicyWeights.of(3, Map.of("w", new HostTensor(List.of(1L), new float[] {8})));
    router.tell(new EngineRouter.Reach("two", false));
    sync(router, others);
    trainer.expectMessage(new EngineRouter.Synced(3, 1));

    router.tell(new EngineRouter.Reach("two", true));

    asker.awaitAssert(
        () -> {
          assertThat(engines.loaded()).filteredOn(l -> l.engine() == 1).hasSize(2);
          return true;
        });
  }

  @Test
  void join_engineThatLoadsOtherWeightsThanItIsTold_isStopped() {
    ActorRef<EngineRouter.Command> router = router(1);
    join(router, "one");
    sync(router);
    trainer.expectMessage(new EngineRouter.Synced(3, 1));
    engines.loading((_, _) -> 0xbad);

    join(router, "two");

    asker.awaitAssert(
        () -> {
          assertThat(engines.open()).isEqualTo(1);
          return true;
        });
    ask(router, "a");
    asker.expectMessageClass(EngineRouter.Generated.class);
    assertThat(engines.drawn()).extracting(ToyEngines.Drawn::engine).containsOnly(0);
  }

  private void awaitUnless(boolean free) {
    if (!free) {
      ToyEngines.await(gate);
    }
  }

  private ActorRef<EngineRouter.Command> router(int minEngines) {
    return KIT.spawn(
        EngineRouter.create(engines, new EngineRouter.Rules(0, minEngines, true, 1, 64, TIMEOUT)));
  }

  private void join(ActorRef<EngineRouter.Command> router, String name) {
    router.tell(
        new EngineRouter.Join(name, (index, events) -> EngineActor.create(index, engines, events)));
  }

  private void sync(ActorRef<EngineRouter.Command> router) {
    sync(router, WEIGHTS);
  }

  private void sync(ActorRef<EngineRouter.Command> router, PolicyWeights weights) {
    router.tell(new EngineRouter.AwaitEngines(waiter.ref()));
    assertThat(waiter.receiveMessage().unusable()).isEmpty();
    router.tell(new EngineRouter.SyncWeights(weights, trainer.ref()));
  }

  private void ask(ActorRef<EngineRouter.Command> router, String prompt) {
    router.tell(
        new EngineRouter.Generate(RolloutRequest.of(prompt, Sampling.ode(2), 1, 2), asker.ref()));
  }

  private void awaitReady(ActorRef<EngineRouter.Command> router, int engines) {
    asker.awaitAssert(
        () -> {
          assertThat(stats(router).ready()).isEqualTo(engines);
          return true;
        });
  }

  private void awaitVersions(ActorRef<EngineRouter.Command> router, List<Long> versions) {
    asker.awaitAssert(
        () -> {
          assertThat(stats(router).policyVersions()).isEqualTo(versions);
          return true;
        });
  }

  private static EngineRouter.Stats stats(ActorRef<EngineRouter.Command> router) {
    return ToyEngines.stats(KIT, router);
  }
}
