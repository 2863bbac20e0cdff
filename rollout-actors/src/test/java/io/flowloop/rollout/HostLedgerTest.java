package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sampling;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class HostLedgerTest {

  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final DataHandle SAMPLES = new DataHandle("gpu-1", 1, 2, 3, 4);

  private final TestProbe<EngineHost.Told> trainer = KIT.createTestProbe();
  private final HostLedger ledger = new HostLedger();
  private long wants;

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  private static EngineHost.Order order(long number, long lease) {
    return new EngineHost.Order(
        number,
        List.of(new EngineActor.Leased(lease, RolloutRequest.of("a", Sampling.ode(1), 1))),
        Optional.empty());
  }

  private List<EngineHost.Order> take(List<EngineHost.Order> orders, Long... cancelled) {
    return ledger.take(new EngineHost.Want(1, wants++, trainer.ref(), orders, List.of(cancelled)));
  }

  private EngineHost.Report report() {
    return ledger.report(1, false, Optional.empty());
  }

  @Test
  void take_orderSaidAgain_isNewOnce() {
    assertThat(take(List.of(order(1, 10)))).containsExactly(order(1, 10));
    assertThat(take(List.of(order(1, 10), order(2, 11)))).containsExactly(order(2, 11));
    assertThat(take(List.of(order(1, 10), order(2, 11)))).isEmpty();
  }

  @Test
  void take_orderThatIsWantedNoMore_isCancelledOnceAndItsResultForgotten() {
    var _ = take(List.of(order(1, 10)));
    var _ = take(List.of());

    assertThat(ledger.toCancel()).containsExactly(10L);
    assertThat(ledger.toCancel()).isEmpty();
    assertThat(ledger.drawn(10, SAMPLES)).isFalse();
    assertThat(report().drawn()).isEmpty();
  }

  @Test
  void results_areToldUntilTheyAreWantedNoMore() {
    var _ = take(List.of(order(1, 10), order(2, 11)));
    assertThat(ledger.drawn(10, SAMPLES)).isTrue();
    ledger.failed(11, new EngineException("no"));

    assertThat(report().drawn()).containsExactly(new EngineHost.DrawnLease(10, SAMPLES));
    assertThat(report().failed()).hasSize(1);
    var _ = take(List.of(order(2, 11)));
    assertThat(report().drawn()).isEmpty();
    assertThat(ledger.toRelease()).containsExactly(SAMPLES);
    assertThat(report().failed()).hasSize(1);
    assertThat(ledger.toCancel()).isEmpty();
  }

  @Test
  void cancel_saidAgain_isAskedOnce() {
    var _ = take(List.of(order(1, 10)), 10L);
    assertThat(ledger.toCancel()).containsExactly(10L);
    var _ = take(List.of(order(1, 10)), 10L);
    assertThat(ledger.toCancel()).isEmpty();
    ledger.cancelled(10);
    assertThat(report().cancelled()).containsExactly(10L);
  }

  @Test
  void drawn_twice_countsOnce() {
    var _ = take(List.of(order(1, 10)));

    assertThat(ledger.drawn(10, SAMPLES)).isTrue();
    assertThat(ledger.drawn(10, SAMPLES)).isFalse();
  }
}
