package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.stream.LongStream;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.ManualTime;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Weights on their way through router, fronts and runners. */
class WeightSyncTest {

  private static final ActorTestKit KIT = ActorTestKit.create(ManualTime.config());
  private static final ManualTime TIME = ManualTime.get(KIT.system());
  private static final Duration TIMEOUT = Duration.ofMinutes(5);
  private static final PolicyWeights WEIGHTS = ToyEngines.weights(3);

  private final ToyEngines engines = new ToyEngines();
  private final CountDownLatch gate = new CountDownLatch(1);
  private final TestProbe<EngineRouter.Reply> asker = KIT.createTestProbe();
  private final TestProbe<EngineRouter.SyncReply> trainer = KIT.createTestProbe();
  private final TestProbe<EngineRouter.Availability> waiter = KIT.createTestProbe();

  @AfterEach
  void openTheGate() {
    gate.countDown();
  }

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  @Test
  void sync_idleEngines_answersOnceAllDrawWithTheVersion() {
    ActorRef<EngineRouter.Command> router = router(3);
    sync(router);

    trainer.expectMessage(new EngineRouter.Synced(3, 3));
    assertThat(engines.loaded()).extracting(ToyEngines.Loaded::engine).contains(0, 1, 2);
    ask(router, 6);
    assertThat(versions(6)).containsOnly(3L);
    assertThat(availability(router)).isEqualTo(new EngineRouter.Availability(Optional.empty(), 3));
  }

  @Test
  void sync_enginesThatDraw_keepsWhatTheyHaveAndLeasesTheRestAfterwards() {
    CountDownLatch begun = new CountDownLatch(2);
    engines.before(
        _ -> {
          begun.countDown();
          ToyEngines.await(gate);
        });
    ActorRef<EngineRouter.Command> router = router(2);
    ask(router, 7);
    ToyEngines.await(begun);
    sync(router);
    availabilityWanted(router);
    trainer.expectNoMessage(Duration.ZERO);

    gate.countDown();

    trainer.expectMessage(new EngineRouter.Synced(3, 2));
    List<Long> versions = versions(7);
    assertThat(versions).containsOnly(0L, 3L);
    // Two running and two ready ones were in flight.
    assertThat(versions).filteredOn(version -> version == 0).hasSize(4);
    assertThat(waiter.receiveMessage().policyVersion()).isEqualTo(3);
  }

  @Test
  void sync_oneEngineStillLoads_noEngineDraws() {
    CountDownLatch loading = new CountDownLatch(1);
    engines.loading(
        (engine, weights) -> {
          if (engine == 1) {
            loading.countDown();
            ToyEngines.await(gate);
          }
          return weights.checksum();
        });
    ActorRef<EngineRouter.Command> router = router(2);
    sync(router);
    ToyEngines.await(loading);
    ask(router, 4);
    assertThat(stats(router).waiting()).isEqualTo(4);
    assertThat(stats(router).leases()).containsOnly(0);

    gate.countDown();

    trainer.expectMessage(new EngineRouter.Synced(3, 2));
    assertThat(versions(4)).containsOnly(3L);
  }

  @Test
  void sync_enginesThatStart_loadWhenTheyHave() {
    ActorRef<EngineRouter.Command> router =
        KIT.spawn(
            EngineRouter.create(
                index -> {
                  ToyEngines.await(gate);
                  return engines.create(index);
                },
                ToyEngines.rules(2, TIMEOUT)));
    sync(router);
    ask(router, 2);
    assertThat(stats(router).waiting()).isEqualTo(2);

    gate.countDown();

    trainer.expectMessage(new EngineRouter.Synced(3, 2));
    assertThat(versions(2)).containsOnly(3L);
  }

  @Test
  void sync_wrongChecksum_failsNamesItAndStopsThatEngine() {
    engines.loading((engine, weights) -> engine == 1 ? 0xbadL : weights.checksum());
    ActorRef<EngineRouter.Command> router = router(2);
    sync(router);

    assertThat(failure())
        .hasMessage(
            "engine 1 loaded policy version 3, checksum 00000bad (expected: version 3, checksum %08x)",
            WEIGHTS.checksum());
    assertThat(availability(router).policyVersion()).isZero();
    ask(router, 4);
    asker.receiveSeveralMessages(4);
    assertThat(engines.drawn()).extracting(ToyEngines.Drawn::engine).containsOnly(0);
  }

  @Test
  void sync_oneEngineCannotLoad_countsItAsGoneAndGoesOnWithTheOthers() {
    engines.loading(
        (engine, weights) -> {
          if (engine == 0) {
            throw new StackOverflowError();
          }
          return weights.checksum();
        });
    ActorRef<EngineRouter.Command> router = router(2);
    sync(router);

    trainer.expectMessage(new EngineRouter.Synced(3, 1));
    ask(router, 3);
    assertThat(versions(3)).containsOnly(3L);
    assertThat(engines.drawn()).extracting(ToyEngines.Drawn::engine).containsOnly(1);
  }

  @Test
  void sync_noEngineCanLoad_failsWithTheCauseAsDoesEveryRequest() {
    engines.loading(
        (_, _) -> {
          throw new IllegalStateException("the device is lost");
        });
    ActorRef<EngineRouter.Command> router = router(1);
    sync(router);

    assertThat(failure())
        .hasMessage(
            "engine 0 could not load policy version 3: java.lang.IllegalStateException: the device is lost");
    ask(router, 1);
    assertThat(asker.expectMessageClass(EngineRouter.Failed.class).cause())
        .hasMessageContaining("the device is lost");
    sync(router);
    assertThat(failure()).hasMessageContaining("the device is lost");
  }

  @Test
  void sync_otherModelsWeights_failsAndEveryEngineDrawsOn() {
    engines.loading(
        (_, weights) -> {
          if (weights.version() == 3) {
            throw new EngineException("no tensor named w");
          }
          return weights.checksum();
        });
    ActorRef<EngineRouter.Command> router = router(2);
    sync(router);

    assertThat(failure())
        .hasMessageMatching("engine . refused policy version 3: no tensor named w");
    assertThat(availability(router)).isEqualTo(new EngineRouter.Availability(Optional.empty(), 0));
    ask(router, 4);
    assertThat(versions(4)).containsOnly(0L);
    router.tell(new EngineRouter.SyncWeights(ToyEngines.weights(4), trainer.ref()));
    trainer.expectMessage(new EngineRouter.Synced(4, 2));
  }

  @Test
  void sync_engineDiesMeanwhile_doesNotBlockTheOthersAndItsRequestsAreDrawnAfterwards() {
    CountDownLatch begun = new CountDownLatch(2);
    engines.before(
        drawn -> {
          begun.countDown();
          ToyEngines.await(gate);
          if (drawn.engine() == 0) {
            throw new StackOverflowError();
          }
        });
    ActorRef<EngineRouter.Command> router = router(2);
    ask(router, 4);
    ToyEngines.await(begun);
    sync(router);
    trainer.expectNoMessage(Duration.ZERO);

    gate.countDown();

    trainer.expectMessage(new EngineRouter.Synced(3, 1));
    assertThat(versions(4)).containsOnly(0L, 3L);
    assertThat(stats(router).leases()).containsOnly(0);
  }

  @Test
  void requestTimeout_whileLoading_failsNamesTheEngineAndStopsIt() {
    CountDownLatch loading = new CountDownLatch(1);
    engines.loading(
        (engine, weights) -> {
          if (engine == 1) {
            loading.countDown();
            ToyEngines.await(gate);
          }
          return weights.checksum();
        });
    ActorRef<EngineRouter.Command> router = router(2);
    sync(router);
    ToyEngines.await(loading);

    TIME.timePasses(TIMEOUT.plus(RouterClock.TICK));

    assertThat(failure())
        .hasMessage("engine 1 did not load policy version 3 within PT5M (rollout.requestTimeout)");
  }

  @Test
  void requestTimeout_loadingBehindARequest_startsWhenItsTurnComes() {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch loading = new CountDownLatch(1);
    CountDownLatch loadGate = new CountDownLatch(1);
    engines.before(
        _ -> {
          begun.countDown();
          ToyEngines.await(gate);
        });
    engines.loading(
        (_, weights) -> {
          loading.countDown();
          ToyEngines.await(loadGate);
          return weights.checksum();
        });
    ActorRef<EngineRouter.Command> router = router(1);
    ask(router, 1);
    ToyEngines.await(begun);
    sync(router);
    TIME.timePasses(TIMEOUT.minusSeconds(1));
    gate.countDown();
    asker.expectMessageClass(EngineRouter.Generated.class);
    ToyEngines.await(loading);
    TIME.timePasses(TIMEOUT.minusSeconds(1));
    loadGate.countDown();

    trainer.expectMessage(new EngineRouter.Synced(3, 1));
  }

  @Test
  void sync_duringAnother_isRefused() {
    engines.loading(
        (_, weights) -> {
          ToyEngines.await(gate);
          return weights.checksum();
        });
    ActorRef<EngineRouter.Command> router = router(1);
    sync(router);
    router.tell(new EngineRouter.SyncWeights(ToyEngines.weights(4), trainer.ref()));

    assertThat(failure())
        .hasMessage("policy version 4: not synced (expected: the sync of version 3 to end first)");
    gate.countDown();
    trainer.expectMessage(new EngineRouter.Synced(3, 1));
  }

  /** Whose engines have started. */
  private ActorRef<EngineRouter.Command> router(int count) {
    ActorRef<EngineRouter.Command> router =
        KIT.spawn(EngineRouter.create(engines, ToyEngines.rules(count, TIMEOUT)));
    assertThat(availability(router).policyVersion()).isZero();
    return router;
  }

  private void sync(ActorRef<EngineRouter.Command> router) {
    router.tell(new EngineRouter.SyncWeights(WEIGHTS, trainer.ref()));
  }

  private Throwable failure() {
    return trainer.expectMessageClass(EngineRouter.SyncFailed.class).cause();
  }

  private void ask(ActorRef<EngineRouter.Command> router, int requests) {
    for (int i = 0; i < requests; i++) {
      router.tell(new EngineRouter.Generate(request(i), asker.ref()));
    }
  }

  private List<Long> versions(int requests) {
    return asker.receiveSeveralMessages(requests).stream()
        .map(EngineRouter.Generated.class::cast)
        .flatMap(done -> done.samples().stream())
        .map(Sample::policyVersion)
        .toList();
  }

  private void availabilityWanted(ActorRef<EngineRouter.Command> router) {
    router.tell(new EngineRouter.AwaitEngines(waiter.ref()));
  }

  private EngineRouter.Availability availability(ActorRef<EngineRouter.Command> router) {
    availabilityWanted(router);
    return waiter.receiveMessage();
  }

  private static EngineRouter.Stats stats(ActorRef<EngineRouter.Command> router) {
    return ToyEngines.stats(KIT, router);
  }

  private static RolloutRequest request(int i) {
    return RolloutRequest.of("p" + i, Sampling.ode(2), LongStream.of(i).toArray());
  }
}
