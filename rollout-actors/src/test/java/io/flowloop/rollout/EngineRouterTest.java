package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.Drawn;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.StepListener;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.LongStream;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.ManualTime;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class EngineRouterTest {

  private static final ActorTestKit KIT = ActorTestKit.create(ManualTime.config());
  private static final ManualTime TIME = ManualTime.get(KIT.system());
  private static final Duration TIMEOUT = Duration.ofMinutes(5);

  private final ToyEngines engines = new ToyEngines();
  private final CountDownLatch gate = new CountDownLatch(1);
  private final TestProbe<EngineRouter.Reply> asker = KIT.createTestProbe();
  private final TestProbe<EngineRouter.Stats> statistician = KIT.createTestProbe();

  @AfterEach
  void openTheGate() {
    gate.countDown();
  }

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  @Test
  void generate_oneRequest_answersItsSamplesInTheOrderOfItsSeeds() {
    RolloutRequest request = request("a", 3);
    ask(router(1), request);

    EngineRouter.Generated reply = asker.expectMessageClass(EngineRouter.Generated.class);
    assertThat(reply.request()).isSameAs(request);
    assertThat(reply.samples()).extracting(Sample::row).isEqualTo(request.seeds());
  }

  @Test
  void generate_severalEngines_goesToTheFewestSamplesOutstandingAndQueuesTheRest() {
    ActorRef<EngineRouter.Command> router = heldRouter(2);
    ask(router, request("large", 8));
    for (int i = 0; i < 5; i++) {
      ask(router, request("small", 1));
    }

    EngineRouter.Stats stats = awaitLeases(router, 4);
    // Large to 0, the next two to 1, which is then full; so the fourth goes behind the large one.
    assertThat(stats.samplesOutstanding()).containsExactly(9, 2);
    assertThat(stats.leases()).containsExactly(2, 2);
    assertThat(stats.waiting()).isEqualTo(2);

    gate.countDown();
    asker.receiveSeveralMessages(6);
    assertIdle(router);
  }

  @Test
  void generate_engineThrows_failsThatRequestAloneAfterThreeAttempts() {
    engines.before(
        drawn -> {
          if (drawn.request().prompt().equals("bad")) {
            throw new EngineException("out of memory");
          }
        });
    ActorRef<EngineRouter.Command> router = router(1);
    ask(router, request("bad", 2));
    ask(router, request("good", 2));

    asker.expectMessageClass(EngineRouter.Generated.class);
    assertThat(failure())
        .hasMessage("3 attempts failed, the last on engine 0: out of memory")
        .hasRootCauseMessage("out of memory");
    assertThat(engines.drawn()).extracting(d -> d.request().prompt()).hasSize(4).contains("good");
    assertThat(stats(router).retries()).isEqualTo(2);
    assertIdle(router);
  }

  @Test
  void generate_engineCannotStart_failsEveryRequestWithTheCause() {
    ActorRef<EngineRouter.Command> router =
        router(
            2,
            index -> {
              if (index == 1) {
                throw new UnsatisfiedLinkError("no libtorch");
              }
              return engines.create(index);
            });
    ask(router, request("a", 1));
    ask(router, request("b", 1));

    assertThat(failure())
        .hasMessageContaining("engine 1 could not start")
        .hasMessageContaining("no libtorch");
    assertThat(failure()).hasMessageContaining("no libtorch");
    assertIdle(router);
    assertThat(engines.drawn()).isEmpty();
  }

  @Test
  void awaitEngines_oneStillStarts_answersWhenItHas() {
    TestProbe<EngineRouter.Availability> waiter = KIT.createTestProbe();
    ActorRef<EngineRouter.Command> router =
        router(
            2,
            index -> {
              if (index == 1) {
                ToyEngines.await(gate);
              }
              return engines.create(index);
            });
    router.tell(new EngineRouter.AwaitEngines(waiter.ref()));
    ask(router, request("a", 1));
    assertThat(stats(router).waiting()).isEqualTo(1);
    waiter.expectNoMessage(Duration.ZERO);

    gate.countDown();

    waiter.expectMessage(new EngineRouter.Availability(Optional.empty(), 0));
    asker.expectMessageClass(EngineRouter.Generated.class);
  }

  @Test
  void generate_oneEngineDies_otherDrawsItsRequests() {
    engines.before(
        drawn -> {
          if (drawn.engine() == 0) {
            throw new StackOverflowError();
          }
        });
    ActorRef<EngineRouter.Command> router = router(2);
    for (int i = 0; i < 6; i++) {
      ask(router, request("p", 2));
    }

    assertThat(asker.receiveSeveralMessages(6))
        .allMatch(reply -> reply instanceof EngineRouter.Generated);
    assertIdle(router);
    assertThat(engines.open()).isEqualTo(1);
  }

  @Test
  void generate_lastEngineDies_failsRequestsWithTheCause() {
    engines.before(
        _ -> {
          throw new StackOverflowError("deep");
        });
    ActorRef<EngineRouter.Command> router = router(1);
    ask(router, request("a", 1));

    assertThat(failure()).hasMessageContaining("engine 0 died").hasMessageContaining("deep");
    ask(router, request("b", 1));
    assertThat(failure()).hasMessageContaining("engine 0 died");
    assertIdle(router);
  }

  @Test
  void generate_wrongNumberOfSamples_isAFailure() {
    DiffusionEngine toy = engines.create(0);
    ActorRef<EngineRouter.Command> router =
        router(
            1,
            _ ->
                new DiffusionEngine() {
                  @Override
                  public List<Drawn> generate(List<RolloutRequest> requests, StepListener steps) {
                    return List.of(new Drawn.Whole(List.of()));
                  }

                  @Override
                  public long load(PolicyWeights weights) {
                    return toy.load(weights);
                  }

                  @Override
                  public long policyVersion() {
                    return toy.policyVersion();
                  }

                  @Override
                  public void close() {}
                });
    ask(router, request("a", 1));

    assertThat(failure()).hasMessageContaining("expected: one sample for each of");
    assertIdle(router);
  }

  @Test
  void requestTimeout_runningRequest_failsItDropsItsLateResultAndGoesOn() {
    ActorRef<EngineRouter.Command> router = heldRouter(1);
    ask(router, request("slow", 1));
    ask(router, request("next", 1));
    awaitLeases(router, 2);

    TIME.timePasses(TIMEOUT.plus(RouterClock.TICK));

    assertThat(failure())
        .hasMessage("engine 0 did not answer within PT5M (rollout.requestTimeout)");
    assertThat(stats(router).leases()).containsExactly(1);
    gate.countDown();
    assertThat(asker.expectMessageClass(EngineRouter.Generated.class).request().prompt())
        .isEqualTo("next");
    assertThat(stats(router).lateResults()).isEqualTo(1);
    assertIdle(router);
  }

  @Test
  void requestTimeout_engineThatHangsAtItsStart_failsEveryRequest() {
    ActorRef<EngineRouter.Command> router =
        router(
            1,
            index -> {
              ToyEngines.await(gate);
              return engines.create(index);
            });
    ask(router, request("a", 1));
    assertThat(stats(router).waiting()).isEqualTo(1);

    TIME.timePasses(TIMEOUT.plus(RouterClock.TICK));

    assertThat(failure()).hasMessage("engine 0 did not start within PT5M (rollout.requestTimeout)");
    assertIdle(router);
  }

  @Test
  void requestTimeout_twice_countsTheEngineAsGone() {
    ActorRef<EngineRouter.Command> router = heldRouter(1);
    ask(router, request("hangs", 1));
    ask(router, request("next", 1));
    awaitLeases(router, 2);

    TIME.timePasses(TIMEOUT.plus(RouterClock.TICK));
    assertThat(failure()).hasMessageContaining("did not answer");
    TIME.timePasses(TIMEOUT.plus(RouterClock.TICK));

    assertThat(failure()).hasMessageContaining("did not answer");
    assertIdle(router);
    gate.countDown();
    ask(router, request("later", 1));
    assertThat(failure()).hasMessageContaining("did not answer");
  }

  @Test
  void requestTimeout_requestBehindAnother_startsWhenItsTurnComes() {
    CountDownLatch second = new CountDownLatch(1);
    engines.before(
        drawn -> ToyEngines.await(drawn.request().prompt().equals("first") ? gate : second));
    ActorRef<EngineRouter.Command> router = router(1);
    ask(router, request("first", 1));
    ask(router, request("second", 1));
    awaitLeases(router, 2);

    TIME.timePasses(TIMEOUT.minusSeconds(1));
    gate.countDown();
    asker.expectMessageClass(EngineRouter.Generated.class);
    TIME.timePasses(TIMEOUT.minusSeconds(1));
    second.countDown();

    asker.expectMessageClass(EngineRouter.Generated.class);
    assertThat(stats(router).lateResults()).isZero();
  }

  @Test
  void askerStops_itsWaitingRequestsAreForgotten() {
    ActorRef<EngineRouter.Command> router = heldRouter(1);
    TestProbe<EngineRouter.Reply> leaving = KIT.createTestProbe();
    for (int i = 0; i < 5; i++) {
      router.tell(new EngineRouter.Generate(request("left", 1), leaving.ref()));
    }
    awaitLeases(router, 2);
    leaving.stop();
    statistician.awaitAssert(
        () -> {
          assertThat(stats(router).waiting()).isZero();
          return true;
        });

    ask(router, request("mine", 1));
    gate.countDown();
    asker.expectMessageClass(EngineRouter.Generated.class);
    assertThat(engines.drawn()).hasSize(3);
    assertIdle(router);
  }

  @Test
  void stop_letsTheForwardEndAndClosesEveryEngineOnItsThread() {
    CountDownLatch ended = new CountDownLatch(1);
    engines.before(
        _ -> {
          ToyEngines.await(gate);
          ended.countDown();
        });
    ActorRef<EngineRouter.Command> router = router(2);
    ask(router, request("a", 1));
    awaitLeases(router, 1);

    CompletableFuture<Void> opened = CompletableFuture.runAsync(gate::countDown);
    KIT.stop(router);

    opened.join();
    assertThat(ended.getCount()).isZero();
    assertThat(engines.open()).isZero();
  }

  @Test
  void stop_engineThatDraws_endsItsRequestAtTheNextDenoisingStepAndDrawsNoOther() {
    CountDownLatch begun = new CountDownLatch(2);
    engines.before(
        _ -> {
          begun.countDown();
          ToyEngines.awaitInterrupt();
        });
    ActorRef<EngineRouter.Command> router = router(2);
    for (int i = 0; i < 6; i++) {
      ask(router, request("p", 1));
    }
    ToyEngines.await(begun);

    KIT.stop(router);

    assertThat(engines.drawn()).hasSize(2);
    assertThat(engines.open()).isZero();
  }

  private ActorRef<EngineRouter.Command> router(int count) {
    return router(count, engines);
  }

  private ActorRef<EngineRouter.Command> router(int count, EngineFactory factory) {
    return KIT.spawn(EngineRouter.create(factory, ToyEngines.rules(count, TIMEOUT)));
  }

  /** A router whose engines wait for the gate. */
  private ActorRef<EngineRouter.Command> heldRouter(int count) {
    engines.before(_ -> ToyEngines.await(gate));
    return router(count);
  }

  private void ask(ActorRef<EngineRouter.Command> router, RolloutRequest request) {
    router.tell(new EngineRouter.Generate(request, asker.ref()));
  }

  private Throwable failure() {
    return asker.expectMessageClass(EngineRouter.Failed.class).cause();
  }

  private EngineRouter.Stats stats(ActorRef<EngineRouter.Command> router) {
    router.tell(new EngineRouter.GetStats(statistician.ref()));
    return statistician.receiveMessage();
  }

  /** The stats once so many leases are granted; engines start when they like. */
  private EngineRouter.Stats awaitLeases(ActorRef<EngineRouter.Command> router, int leases) {
    return statistician.awaitAssert(
        () -> {
          EngineRouter.Stats stats = stats(router);
          assertThat(stats.leases().stream().mapToInt(Integer::intValue).sum()).isEqualTo(leases);
          return stats;
        });
  }

  private void assertIdle(ActorRef<EngineRouter.Command> router) {
    EngineRouter.Stats stats = stats(router);
    assertThat(stats.waiting()).isZero();
    assertThat(stats.leases()).containsOnly(0);
    assertThat(stats.samplesOutstanding()).containsOnly(0);
  }

  private static RolloutRequest request(String prompt, int rows) {
    return RolloutRequest.of(prompt, Sampling.ode(2), LongStream.range(0, rows).toArray());
  }
}
