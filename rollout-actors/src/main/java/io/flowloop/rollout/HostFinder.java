package io.flowloop.rollout;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.StreamSupport;
import org.apache.pekko.actor.Address;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.receptionist.Receptionist;
import org.apache.pekko.actor.typed.receptionist.ServiceKey;
import org.apache.pekko.cluster.MemberStatus;
import org.apache.pekko.cluster.typed.Cluster;

/**
 * A finder of one kind of hosts among the cluster's nodes. Each that is what the trainer has itself
 * joins, and it is told when its node cannot be reached and when it can again.
 *
 * @param <H> what hosts are told
 * @param <D> what they say of themselves
 */
final class HostFinder<H, D extends HostFinder.Described<H>>
    extends AbstractMatchingBehavior<HostFinder.Command<D>> {

  /** What a host says of itself. */
  interface Described<H> {
    ActorRef<H> host();

    /** For messages; one that is started again has the same. */
    String name();

    /** All that its results depend on beside what it is told, in one line. */
    String identity();
  }

  /** A kind of hosts, and what becomes of them. */
  interface Kind<H, D extends Described<H>> {
    ServiceKey<H> key();

    Class<D> descriptions();

    H describe(ActorRef<D> replyTo);

    /** What to do about one of another identity. */
    String remedy();

    /**
     * One is to be worked with.
     *
     * @param name which no other has had
     */
    void join(String name, D description);

    /** One that has joined can be reached no longer, or again. */
    void reach(String name, boolean reachable);
  }

  sealed interface Command<D> {}

  private record Found<D>(Receptionist.Listing listing) implements Command<D> {}

  private record Answered<D>(D description) implements Command<D> {}

  private record Tick<D>() implements Command<D> {}

  /** What is known of a host. */
  private static final class Host {
    private boolean reachable = true;
    private boolean described;
    private String name = "";

    boolean hasJoined() {
      return !name.isEmpty();
    }
  }

  /** The host and port by which hosts name their node. */
  static String nodeOf(ActorSystem<?> system) {
    String address = system.address().hostPort();
    return address.substring(address.indexOf('@') + 1);
  }

  private static final Set<MemberStatus> UP = Set.of(MemberStatus.up(), MemberStatus.weaklyUp());

  private static final Duration REPEAT = Duration.ofSeconds(1);

  /**
   * A finder.
   *
   * @param identity of the trainer; a host of another is left alone, and the log says why
   */
  static <H, D extends Described<H>> Behavior<Command<D>> create(Kind<H, D> kind, String identity) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  timers.startTimerWithFixedDelay(new Tick<>(), REPEAT);
                  return new HostFinder<>(context, kind, identity);
                }));
  }

  private final Kind<H, D> kind;
  private final String identity;
  private final ActorRef<D> descriptions;
  private final Map<ActorRef<H>, Host> hosts = new LinkedHashMap<>();
  private final Map<String, Integer> lives = new HashMap<>();

  private HostFinder(ActorContext<Command<D>> context, Kind<H, D> kind, String identity) {
    super(context);
    context.setLoggerName(kind.getClass());
    this.kind = kind;
    this.identity = identity;
    this.descriptions = context.messageAdapter(kind.descriptions(), Answered::new);
    context
        .getSystem()
        .receptionist()
        .tell(
            Receptionist.subscribe(
                kind.key(), context.messageAdapter(Receptionist.Listing.class, Found::new)));
  }

  @Override
  public Behavior<Command<D>> onMessage(Command<D> command) {
    switch (command) {
      case Found<D>(Receptionist.Listing listing) -> onFound(listing);
      case Answered<D>(D description) -> onDescribed(description);
      case Tick<D>() -> hosts.forEach(this::ask);
    }
    return this;
  }

  private void onFound(Receptionist.Listing listing) {
    Set<ActorRef<H>> all = listing.getAllServiceInstances(kind.key());
    Set<ActorRef<H>> reachable = listing.getServiceInstances(kind.key());
    hosts.keySet().retainAll(new HashSet<>(all));
    for (ActorRef<H> ref : all) {
      Host host = hosts.computeIfAbsent(ref, _ -> new Host());
      ask(ref, host);
      reach(host, reachable.contains(ref));
    }
  }

  private void ask(ActorRef<H> ref, Host host) {
    if (!host.described && isUp(ref.path().address())) {
      ref.tell(kind.describe(descriptions));
    }
  }

  /**
   * Whether hosts there can be watched. If another process of that address was a member before and
   * this one is not up yet, Pekko says of them at once that they have ended.
   */
  private boolean isUp(Address node) {
    return node.hasLocalScope()
        || StreamSupport.stream(cluster().state().getMembers().spliterator(), false)
            .anyMatch(member -> member.address().equals(node) && UP.contains(member.status()));
  }

  private Cluster cluster() {
    return Cluster.get(getContext().getSystem());
  }

  private void reach(Host host, boolean reachable) {
    if (host.hasJoined() && host.reachable != reachable) {
      kind.reach(host.name, reachable);
    }
    host.reachable = reachable;
  }

  private void onDescribed(D description) {
    Host host = hosts.get(description.host());
    if (host == null || host.described) {
      return;
    }
    host.described = true;
    if (description.identity().equals(identity)) {
      join(host, description);
    } else {
      getContext()
          .getLog()
          .error(
              "{} left alone: {} (expected: {}, as the trainer has it); {}",
              description.name(),
              description.identity(),
              identity,
              kind.remedy());
    }
  }

  private void join(Host host, D description) {
    int life = lives.merge(description.name(), 1, Integer::sum);
    String name =
        life == 1 ? description.name() : "%s, start %d".formatted(description.name(), life);
    host.name = name;
    getContext().getLog().info("{} joins", name);
    kind.join(name, description);
    if (!host.reachable) {
      kind.reach(name, false);
    }
  }
}
