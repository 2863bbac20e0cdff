package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class EngineActorTest {

  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final RolloutRequest REQUEST = RolloutRequest.of("a", Sampling.ode(2), 1, 2);

  private final ToyEngines engines = new ToyEngines();
  private final TestProbe<EngineActor.Event> router = KIT.createTestProbe();

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  @Test
  void create_engineStarts_saysSoBeforeAnyResult() {
    ActorRef<EngineActor.Command> engine = spawn(engines);
    engine.tell(ToyEngines.order(7, REQUEST));

    router.expectMessage(new EngineActor.Started(3));
    EngineActor.Generated done = ToyEngines.answer(router, EngineActor.Generated.class);
    assertThat(done.engine()).isEqualTo(3);
    assertThat(done.lease()).isEqualTo(7);
    assertThat(done.samples()).hasSize(2);
  }

  @Test
  void create_engineCannotStart_saysWhyAndStops() {
    ActorRef<EngineActor.Command> engine =
        spawn(
            _ -> {
              throw new EngineException("weights.safetensors is truncated");
            });

    assertThat(router.expectMessageClass(EngineActor.Gone.class).cause())
        .hasMessage("engine 3 could not start: weights.safetensors is truncated");
    router.expectTerminated(engine);
  }

  @Test
  void generate_engineDies_saysWhyClosesItAndStops() {
    engines.before(
        _ -> {
          throw new OutOfMemoryError("heap");
        });
    ActorRef<EngineActor.Command> engine = spawn(engines);
    router.expectMessageClass(EngineActor.Started.class);
    engine.tell(ToyEngines.order(1, REQUEST));

    assertThat(router.expectMessageClass(EngineActor.Gone.class).cause())
        .hasMessage("engine 3 died: java.lang.OutOfMemoryError: heap");
    router.expectTerminated(engine);
    assertThat(engines.open()).isZero();
  }

  @Test
  void generate_severalRequests_drawsThemInTheirOrder() {
    ActorRef<EngineActor.Command> engine = spawn(engines);
    router.expectMessageClass(EngineActor.Started.class);
    for (int lease = 1; lease <= 3; lease++) {
      engine.tell(ToyEngines.order(lease, REQUEST));
    }

    for (int lease = 1; lease <= 3; lease++) {
      assertThat(ToyEngines.answer(router, EngineActor.Generated.class).lease()).isEqualTo(lease);
    }
  }

  @Test
  void cancel_leaseThatHasNotBegun_isLeftAndOneThatHasIsDrawn() {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch gate = new CountDownLatch(1);
    engines.before(
        _ -> {
          begun.countDown();
          ToyEngines.await(gate);
        });
    ActorRef<EngineActor.Command> engine = spawn(engines);
    router.expectMessage(new EngineActor.Started(3));
    engine.tell(ToyEngines.order(1, REQUEST));
    engine.tell(ToyEngines.order(2, REQUEST));
    ToyEngines.await(begun);

    engine.tell(new EngineActor.Cancel(1));
    engine.tell(new EngineActor.Cancel(2));
    engine.tell(new EngineActor.Load(ToyEngines.weights(5)));
    // What the front passes on behind the cancellations tells that it has read them.
    engine.tell(new EngineActor.Ran(new EngineActor.Started(3)));
    router.expectMessage(new EngineActor.Started(3));
    gate.countDown();

    assertThat(ToyEngines.answer(router, EngineActor.Generated.class).lease()).isEqualTo(1);
    router.expectMessage(new EngineActor.Cancelled(3, 2));
    assertThat(engines.drawn()).hasSize(1);
  }

  @Test
  void load_behindARequest_waitsForItAndAnswersVersionAndChecksum() {
    ActorRef<EngineActor.Command> engine = spawn(engines);
    PolicyWeights weights = ToyEngines.weights(5);
    router.expectMessageClass(EngineActor.Started.class);
    engine.tell(ToyEngines.order(1, REQUEST));
    engine.tell(new EngineActor.Load(weights));
    engine.tell(ToyEngines.order(2, REQUEST));

    assertThat(versions(ToyEngines.answer(router, EngineActor.Generated.class))).containsOnly(0L);
    router.expectMessage(new EngineActor.Loaded(3, 5, weights.checksum()));
    assertThat(versions(ToyEngines.answer(router, EngineActor.Generated.class))).containsOnly(5L);
  }

  @Test
  void load_otherModelsWeights_areRefusedAndTheEngineDrawsOn() {
    engines.loading(
        (_, _) -> {
          throw new EngineException("no tensor named w");
        });
    ActorRef<EngineActor.Command> engine = spawn(engines);
    router.expectMessageClass(EngineActor.Started.class);
    engine.tell(new EngineActor.Load(ToyEngines.weights(5)));
    engine.tell(ToyEngines.order(1, REQUEST));

    assertThat(router.expectMessageClass(EngineActor.Refused.class).cause())
        .hasMessage("engine 3 refused policy version 5: no tensor named w");
    assertThat(versions(ToyEngines.answer(router, EngineActor.Generated.class))).containsOnly(0L);
  }

  @Test
  void load_engineCannot_saysWhyClosesItAndStops() {
    engines.loading(
        (_, _) -> {
          throw new IllegalStateException("the device is lost");
        });
    ActorRef<EngineActor.Command> engine = spawn(engines);
    router.expectMessageClass(EngineActor.Started.class);
    engine.tell(new EngineActor.Load(ToyEngines.weights(5)));

    assertThat(router.expectMessageClass(EngineActor.Gone.class).cause())
        .hasMessage(
            "engine 3 could not load policy version 5: java.lang.IllegalStateException: the device is lost");
    router.expectTerminated(engine);
    assertThat(engines.open()).isZero();
  }

  @Test
  void stop_duringARequest_interruptsItAndNotTheClosing() {
    CountDownLatch begun = new CountDownLatch(1);
    engines.before(
        _ -> {
          begun.countDown();
          ToyEngines.awaitInterrupt();
        });
    ActorRef<EngineActor.Command> engine = spawn(engines);
    engine.tell(ToyEngines.order(1, REQUEST));
    ToyEngines.await(begun);

    KIT.stop(engine);

    assertThat(engines.open()).isZero();
  }

  @Test
  void stop_idleEngine_closesItOnItsThread() {
    ActorRef<EngineActor.Command> engine = spawn(engines);
    router.expectMessageClass(EngineActor.Started.class);

    KIT.stop(engine);

    assertThat(engines.open()).isZero();
  }

  private static List<Long> versions(EngineActor.Generated done) {
    return done.samples().stream().map(Sample::policyVersion).toList();
  }

  private ActorRef<EngineActor.Command> spawn(EngineFactory factory) {
    return KIT.spawn(EngineActor.create(3, factory, router.ref()));
  }
}
