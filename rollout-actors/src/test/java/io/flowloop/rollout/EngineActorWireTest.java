package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sampling;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** An engine whose orders and answers are written and read on their way, as between two nodes. */
class EngineActorWireTest {

  private static final ActorTestKit KIT =
      ActorTestKit.create(
          ConfigFactory.parseString(
              """
              pekko.actor {
                serialize-messages = on
                # What a runner tells its own front never leaves the node.
                no-serialization-verification-needed-class-prefix =
                  ["org.apache.pekko.", "io.flowloop.rollout.EngineActor$Ran"]
              }
              """));
  private static final RolloutRequest REQUEST = RolloutRequest.of("a", Sampling.ode(2), 1, 2);

  private final ToyEngines engines = new ToyEngines();
  private final TestProbe<EngineActor.Event> router = KIT.createTestProbe();
  private final ActorRef<EngineActor.Command> engine =
      KIT.spawn(EngineActor.create(0, engines, router.ref()));

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  @Test
  void generate_overTheWire_drawsTheRequestForItsLease() {
    router.expectMessage(new EngineActor.Started(0));
    engine.tell(ToyEngines.order(7, REQUEST));

    EngineActor.Generated done = ToyEngines.answer(router, EngineActor.Generated.class);
    assertThat(done.lease()).isEqualTo(7);
    assertThat(done.samples()).extracting(sample -> sample.row()).isEqualTo(REQUEST.seeds());
    assertThat(engines.drawn())
        .singleElement()
        .satisfies(drawn -> assertThat(drawn.request()).isEqualTo(REQUEST).isNotSameAs(REQUEST));
  }

  @Test
  void load_overTheWire_answersTheChecksum() {
    PolicyWeights weights = ToyEngines.weights(3);
    router.expectMessage(new EngineActor.Started(0));
    engine.tell(new EngineActor.Load(weights));

    router.expectMessage(new EngineActor.Loaded(0, 3, weights.checksum()));
  }

  @Test
  void generate_engineFails_tellsTheTextOfTheCause() {
    engines.before(
        _ -> {
          throw new IllegalStateException("no kernel");
        });
    router.expectMessage(new EngineActor.Started(0));
    engine.tell(ToyEngines.order(8, REQUEST));

    EngineActor.Failed failed = router.expectMessageClass(EngineActor.Failed.class);
    assertThat(failed.lease()).isEqualTo(8);
    assertThat(failed.cause())
        .isInstanceOf(EngineException.class)
        .hasMessage("IllegalStateException: no kernel");
  }
}
