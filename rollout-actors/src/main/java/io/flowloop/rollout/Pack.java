package io.flowloop.rollout;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Requests that an engine was handed to draw together, each by a lease of its own. */
final class Pack {

  /** One request that an engine has. */
  record Lease(long id, RoutedRequest request) {}

  private final Pace.Key paceKey;
  private final List<Lease> all;
  private final List<Lease> open;
  private long begun;
  private long moved;
  private int stepsDone;

  /**
   * @param leases in the order in which they are drawn, 1 or more
   */
  Pack(List<Lease> leases) {
    this.all = List.copyOf(leases);
    this.open = new ArrayList<>(leases);
    int rows = leases.stream().mapToInt(lease -> lease.request().rows()).sum();
    this.paceKey = leases.getFirst().request().paceKey(rows);
  }

  /** Its engine begins with it. */
  void begin(long now) {
    begun = now;
    moved = now;
  }

  /**
   * Its engine has done another denoising step.
   *
   * @return how long that took
   */
  long step(int done, long now) {
    long taken = now - moved;
    stepsDone = done;
    moved = now;
    return taken;
  }

  /** Whether a denoising step of it has been heard of. */
  boolean hasMoved() {
    return stepsDone > 0;
  }

  long begun() {
    return begun;
  }

  long moved() {
    return moved;
  }

  int stepsDone() {
    return stepsDone;
  }

  /** All its denoising steps. */
  int steps() {
    return paceKey.numInferenceSteps();
  }

  Pace.Key paceKey() {
    return paceKey;
  }

  List<Lease> leases() {
    return all;
  }

  /** Leases that have not ended. */
  List<Lease> open() {
    return List.copyOf(open);
  }

  int samplesOutstanding() {
    return open.stream().mapToInt(lease -> lease.request().rows()).sum();
  }

  boolean has(long lease) {
    return open.stream().anyMatch(held -> held.id() == lease);
  }

  Optional<Lease> end(long lease) {
    Optional<Lease> found = open.stream().filter(held -> held.id() == lease).findFirst();
    found.ifPresent(open::remove);
    return found;
  }

  boolean isEnded() {
    return open.isEmpty();
  }
}
