package io.flowloop.agentloop.faults;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What came of one fault.
 *
 * @param number its number in the fault matrix
 * @param fault what went wrong
 * @param how how it was made
 * @param expected samples that should have come
 * @param done samples that came, each counted once
 * @param countedTwice samples that were counted again
 * @param leases leases that were left at the end
 * @param recovery from the fault to the first progress after it; zero where nothing had to recover
 */
record FaultRow(
    int number,
    String fault,
    String how,
    int expected,
    int done,
    int countedTwice,
    int leases,
    Duration recovery) {

  /** Whether no sample was lost or counted twice, and no lease is left. */
  boolean holds() {
    return problems().isEmpty();
  }

  /** In words. */
  String result() {
    return holds() ? "holds" : String.join(", ", problems());
  }

  private List<String> problems() {
    List<String> problems = new ArrayList<>();
    if (done != expected) {
      problems.add("%d samples done (expected: %d)".formatted(done, expected));
    }
    if (countedTwice != 0) {
      problems.add(countedTwice + " counted twice");
    }
    if (leases != 0) {
      problems.add(leases + " leases left");
    }
    return problems;
  }
}
