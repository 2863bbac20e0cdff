package io.flowloop.rollout;

import io.flowloop.engine.PolicyWeights;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.pekko.actor.typed.ActorRef;

/** The router's books on one engine: whether it can be given work, and what it has. */
final class EngineSlot {

  /** One pack that runs and one that is ready, so that an engine never waits for the router. */
  static final int MAX_PACKS = 2;

  /** What an engine can be given. */
  enum State {
    /** Nothing: it has not said that it has started. */
    STARTING,
    /** Nothing: it takes over the weights that the others draw with already. */
    LOADING,
    READY,
    /** Nothing until it says something: what it runs is overdue or makes no progress. */
    LATE,
    /** Nothing until its node can be reached again. */
    UNREACHABLE,
    GONE
  }

  private final String name;
  private final ActorRef<EngineActor.Command> front;
  private final Deque<Pack> packs = new ArrayDeque<>();
  private final Deque<PolicyWeights> told = new ArrayDeque<>();
  private final Map<Pace.Key, Pace> paces = new HashMap<>();
  private State state = State.STARTING;
  private boolean started;
  private long policyVersion;
  private Optional<Long> checksum = Optional.empty();
  private Optional<Long> waitedForSince = Optional.empty();

  EngineSlot(String name, ActorRef<EngineActor.Command> front) {
    this.name = name;
    this.front = front;
  }

  ActorRef<EngineActor.Command> front() {
    return front;
  }

  State state() {
    return state;
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

  boolean hasStarted() {
    return started;
  }

  /** It has said so, which counts whether or not it can be reached now. */
  void start() {
    started = true;
  }

  /** What is gone stays gone. */
  void become(State next) {
    if (!isGone()) {
      state = next;
    }
  }

  /** How fast it is itself at work of this kind. */
  Pace pace(Pace.Key key) {
    return paces.computeIfAbsent(key, _ -> new Pace());
  }

  boolean acceptsPack() {
    return isReady() && packs.size() < MAX_PACKS;
  }

  boolean isIdle() {
    return packs.isEmpty();
  }

  /** Requests that it has. */
  int leases() {
    return packs.stream().mapToInt(pack -> pack.open().size()).sum();
  }

  int samplesOutstanding() {
    return packs.stream().mapToInt(Pack::samplesOutstanding).sum();
  }

  long policyVersion() {
    return policyVersion;
  }

  /** Has it load weights; it answers in the order in which it is told. */
  void tell(PolicyWeights weights) {
    told.add(weights);
    front.tell(new EngineActor.Load(weights));
  }

  /**
   * It has loaded something.
   *
   * @return what it had been told to
   */
  Optional<PolicyWeights> loaded(EngineActor.Loaded loaded) {
    policyVersion = loaded.policyVersion();
    checksum = Optional.of(loaded.checksum());
    return answered();
  }

  /** The weights that its answer is about. */
  Optional<PolicyWeights> answered() {
    return Optional.ofNullable(told.poll());
  }

  /**
   * Whether these are the weights that it draws with. The version alone does not tell: validations
   * draw with averages of the same version as the policy's own.
   */
  boolean drawsWith(PolicyWeights weights) {
    return policyVersion == weights.version()
        && checksum.filter(found -> found == weights.checksum()).isPresent();
  }

  void grant(Pack pack, long now) {
    packs.add(pack);
    if (packs.size() == 1) {
      pack.begin(now);
      waitFrom(now);
    }
  }

  /** The pack that runs. */
  Optional<Pack> running() {
    return Optional.ofNullable(packs.peek());
  }

  /** The packs that it has not begun with. */
  List<Pack> ready() {
    return packs.stream().skip(1).toList();
  }

  Optional<Pack> packOf(long lease) {
    return packs.stream().filter(pack -> pack.has(lease)).findFirst();
  }

  /** Takes a pack away, whatever of it is open; the next one runs from now on. */
  void remove(Pack pack, long now) {
    packs.remove(pack);
    running().ifPresent(next -> next.begin(now));
  }

  /** Every lease that has not ended, the oldest first. */
  List<Pack.Lease> open() {
    return packs.stream().flatMap(pack -> pack.open().stream()).toList();
  }

  /** Takes everything away and returns what has not ended, the oldest first. */
  List<Pack.Lease> takeAll() {
    List<Pack.Lease> all = open();
    packs.clear();
    return all;
  }

  /** It is waited for since then: for its start, weights, or an answer of what it runs. */
  void waitFrom(long now) {
    waitedForSince = Optional.of(now);
  }

  void waitNoMore() {
    waitedForSince = Optional.empty();
  }

  boolean isOverdue(long now, long timeoutNanos) {
    return !isGone() && waitedForSince.filter(since -> now - since >= timeoutNanos).isPresent();
  }

  @Override
  public String toString() {
    return name;
  }
}
