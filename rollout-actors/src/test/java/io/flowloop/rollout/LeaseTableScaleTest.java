package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The lease table with many engines, in virtual time. */
class LeaseTableScaleTest {

  @Test
  void manyEngines_someSlowSomeDying_keepsThemBusyAndAnswersEachRequestOnce() {
    FleetSimulation.Script script = new FleetSimulation.Script(1000, 60, .10, 3, .01, 1);

    FleetSimulation.Outcome outcome = FleetSimulation.run(script);

    assertThat(outcome.answeredOnce()).isEqualTo(60_000);
    assertThat(outcome.answeredOften()).isZero();
    assertThat(outcome.leasesLeft()).isZero();
    assertThat(outcome.retries()).isGreaterThanOrEqualTo(10);
    assertThat(outcome.utilization()).isBetween(.95, 1.0);
  }

  /** The table of docs/scale.md. */
  @Test
  @Tag("benchmark")
  void scale() {
    System.out.println("| engines | slow | dying | utilization | retries | late | us a lease |");
    System.out.println("|---|---|---|---|---|---|---|");
    for (int engines : new int[] {10, 100, 1000, 4000}) {
      for (double slowness : new double[] {1.5, 3, 10}) {
        FleetSimulation.Outcome outcome =
            FleetSimulation.run(
                new FleetSimulation.Script(engines, 40, .10, slowness, .01, engines));
        System.out.printf(
            "| %d | 10 %% by %.1f | 1 %% | %.3f | %d | %d | %.1f |%n",
            engines,
            slowness,
            outcome.utilization(),
            outcome.retries(),
            outcome.lateResults(),
            outcome.cpu().toNanos() / 1e3 / outcome.leases());
      }
    }
  }
}
