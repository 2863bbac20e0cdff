package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.config.ClusterConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sample;
import io.flowloop.engine.Sampling;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a trainer and a host say to each other, when it is lost, comes twice or is of another. */
class RemoteEngineTest {

  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final RolloutRequest REQUEST = RolloutRequest.of("a", Sampling.ode(2), 1, 2);
  private static final long LEASE = 7;

  private final SideChannel data =
      SideChannel.open(
          TestCluster.config(List.of(), ClusterConfig.TRAINER_ROLES, Path.of("unused")),
          Optional.empty());
  private final TestProbe<EngineHost.Command> host = KIT.createTestProbe();
  private final TestProbe<EngineActor.Event> router = KIT.createTestProbe();
  private final ActorRef<EngineActor.Command> engine =
      KIT.spawn(
          RemoteEngine.create(
              4,
              "engine 0 of gpu-1",
              host.ref(),
              router.ref(),
              new RemoteEngine.Means(
                  data.client(), new WeightsShelf(data.server()), Duration.ofSeconds(10))));
  private EngineHost.Want first = want();

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  @BeforeEach
  void begin() {
    assertThat(first.orders()).isEmpty();
    tell(report(List.of(), Optional.empty()));
    router.expectMessage(new EngineActor.Started(4));
  }

  @AfterEach
  void close() {
    data.close();
  }

  private EngineHost.Want want() {
    return host.expectMessageClass(EngineHost.Want.class, Duration.ofSeconds(10));
  }

  /** The next one that wants so many orders. */
  private EngineHost.Want want(int orders) {
    EngineHost.Want want = want();
    while (want.orders().size() != orders) {
      want = want();
    }
    return want;
  }

  private void tell(EngineHost.Told told) {
    first.trainer().tell(told);
  }

  private EngineHost.Report report(List<DataHandle> samples, Optional<Throwable> gone) {
    return new EngineHost.Report(
        first.session(),
        samples.stream().map(handle -> new EngineHost.DrawnLease(LEASE, handle)).toList(),
        List.of(),
        List.of(),
        List.of(),
        List.of(),
        false,
        gone);
  }

  private DataHandle published(RolloutRequest request) {
    try (var toy = new ToyEngines().create(0)) {
      return data.server().publish(SampleBlob.encode(toy.generate(request)));
    }
  }

  @Test
  void want_thatMayBeLost_isSaidAgainUntilThereIsAResult() {
    engine.tell(ToyEngines.order(LEASE, REQUEST));
    EngineHost.Want once = want(1);
    EngineHost.Want again = want(1);

    assertThat(again.orders()).isEqualTo(once.orders());
    assertThat(again.number()).isGreaterThan(once.number());
    assertThat(once.orders().getFirst().leased())
        .containsExactly(new EngineActor.Leased(LEASE, REQUEST));
  }

  @Test
  void samples_toldTwice_comeOnceAndAreNotWantedAnyMore() {
    engine.tell(ToyEngines.order(LEASE, REQUEST));
    var _ = want(1);
    EngineHost.Report report = report(List.of(published(REQUEST)), Optional.empty());
    tell(report);
    tell(report);

    EngineActor.Generated done = router.expectMessageClass(EngineActor.Generated.class);
    assertThat(done.engine()).isEqualTo(4);
    assertThat(done.lease()).isEqualTo(LEASE);
    assertThat(done.samples()).extracting(Sample::row).isEqualTo(REQUEST.seeds());
    var _ = want(0);
    tell(report);
    router.expectNoMessage(Duration.ofMillis(300));
  }

  @Test
  void samples_ofOtherRows_areAFailure() {
    engine.tell(ToyEngines.order(LEASE, REQUEST));
    var _ = want(1);
    tell(
        report(
            List.of(published(RolloutRequest.of("a", Sampling.ode(2), 1, 3))), Optional.empty()));

    assertThat(router.expectMessageClass(EngineActor.Failed.class).cause())
        .hasMessageContaining("engine 0 of gpu-1 brought")
        .hasMessageContaining("one sample for each of");
  }

  @Test
  void samples_thatAreNotThereAnyMore_areAFailure() {
    engine.tell(ToyEngines.order(LEASE, REQUEST));
    var _ = want(1);
    DataHandle handle = published(REQUEST);
    data.server().release(handle);
    tell(report(List.of(handle), Optional.empty()));

    assertThat(router.expectMessageClass(EngineActor.Failed.class).cause())
        .hasMessageContaining("unknown there");
  }

  @Test
  void report_ofAnotherSession_isIgnored() {
    engine.tell(ToyEngines.order(LEASE, REQUEST));
    var _ = want(1);
    EngineHost.Report report = report(List.of(published(REQUEST)), Optional.empty());
    tell(
        new EngineHost.Report(
            first.session() + 1,
            report.drawn(),
            List.of(),
            List.of(),
            List.of(),
            List.of(),
            false,
            Optional.of(new EngineException("not ours"))));

    router.expectNoMessage(Duration.ofMillis(300));
  }

  @Test
  void weights_arePublishedUntilTheyAreLoaded() {
    PolicyWeights weights = ToyEngines.weights(3);
    engine.tell(new EngineActor.Load(weights));
    EngineHost.Order order = want(1).orders().getFirst();

    PolicyWeights pulled =
        WeightsBlob.decode(
            data.client().fetch(order.weights().orElseThrow(), Duration.ofSeconds(10)).join());
    pulled.requireIntact();
    assertThat(pulled.checksum()).isEqualTo(weights.checksum());
    assertThat(data.bytesHeld()).isPositive();
    EngineHost.LoadedOrder loaded =
        new EngineHost.LoadedOrder(order.number(), 3, weights.checksum());
    EngineHost.Report report =
        new EngineHost.Report(
            first.session(),
            List.of(),
            List.of(),
            List.of(),
            List.of(loaded),
            List.of(),
            false,
            Optional.empty());
    tell(report);
    tell(report);
    router.expectMessage(new EngineActor.Loaded(4, 3, weights.checksum()));
    router.expectNoMessage(Duration.ofMillis(200));
    assertThat(data.bytesHeld()).isZero();
  }

  @Test
  void host_thatVanishes_isAnEngineThatDied() {
    host.stop();

    assertThat(router.expectMessageClass(EngineActor.Gone.class).cause())
        .hasMessageContaining("engine 0 of gpu-1 has vanished");
    router.expectTerminated(engine);
  }

  @Test
  void engine_thatIsGone_isToldWithItsCause() {
    tell(report(List.of(), Optional.of(new EngineException("engine 0 died: no memory"))));

    assertThat(router.expectMessageClass(EngineActor.Gone.class).cause())
        .hasMessageContaining("engine 0 of gpu-1: engine 0 died: no memory");
  }
}
