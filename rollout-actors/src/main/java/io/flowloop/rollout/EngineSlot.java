package io.flowloop.rollout;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.typed.ActorRef;

/** The router's books on one engine: whether it can be given work, and what it has. */
final class EngineSlot {

  /** One request that runs and one that is ready, so that an engine never waits for the router. */
  static final int MAX_LEASES = 2;

  private enum State {
    STARTING,
    READY,
    /** Its request is overdue; until it answers it gets no work, and keeps what it has. */
    LATE,
    GONE
  }

  /** A request handed to an engine; the oldest of an engine is the one that runs. */
  record Lease(long id, EngineRouter.Generate order) {}

  private final int index;
  private final ActorRef<EngineActor.Command> front;
  private final Deque<Lease> leases = new ArrayDeque<>();
  private State state = State.STARTING;

  EngineSlot(int index, ActorRef<EngineActor.Command> front) {
    this.index = index;
    this.front = front;
  }

  ActorRef<EngineActor.Command> front() {
    return front;
  }

  boolean isStarting() {
    return state == State.STARTING;
  }

  boolean isReady() {
    return state == State.READY;
  }

  boolean isGone() {
    return state == State.GONE;
  }

  boolean acceptsLease() {
    return isReady() && leases.size() < MAX_LEASES;
  }

  int leases() {
    return leases.size();
  }

  int samplesOutstanding() {
    return leases.stream().mapToInt(lease -> lease.order().request().rows()).sum();
  }

  /** It has started, or answered, if late; what is gone stays gone. */
  void ready() {
    if (!isGone()) {
      state = State.READY;
    }
  }

  void grant(Lease lease) {
    leases.add(lease);
  }

  /** Ends this lease; empty if it had ended before. */
  Optional<Lease> release(long id) {
    Optional<Lease> found = leases.stream().filter(lease -> lease.id() == id).findFirst();
    found.ifPresent(leases::remove);
    return found;
  }

  /** Ends the lease of the running request, which is overdue, and returns it. */
  Lease late() {
    state = State.LATE;
    return leases.remove();
  }

  /** The engine has left: ends every lease and returns them, the oldest first. */
  List<Lease> gone() {
    state = State.GONE;
    List<Lease> all = List.copyOf(leases);
    leases.clear();
    return all;
  }

  @Override
  public String toString() {
    return "engine " + index;
  }
}
