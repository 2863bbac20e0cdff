package io.flowloop.rollout;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.receptionist.Receptionist;

/**
 * Finds the engines of the cluster's nodes and has the router draw with them: each that is of the
 * router's model joins, and the router hears when its node cannot be reached and when it can again.
 */
final class ClusterEngines extends AbstractMatchingBehavior<ClusterEngines.Command> {

  sealed interface Command {}

  private record Found(Receptionist.Listing listing) implements Command {}

  private record Described(EngineHost.Description description) implements Command {}

  private record Tick() implements Command {}

  /** What is known of a host. */
  private static final class Host {
    private boolean reachable = true;
    private boolean described;
    private String name = "";

    boolean hasJoined() {
      return !name.isEmpty();
    }
  }

  private static final Duration REPEAT = Duration.ofSeconds(1);

  /**
   * A finder, for as long as the router lives.
   *
   * @param model all that samples depend on beside requests and synced weights; an engine of
   *     another is not drawn with, and the log says why
   * @param pullTimeout longest time for the samples of a request to come
   */
  static Behavior<Command> create(
      ActorRef<EngineRouter.Command> router, String model, SideChannel data, Duration pullTimeout) {
    RemoteEngine.Means means =
        new RemoteEngine.Means(data.client(), new WeightsShelf(data.server()), pullTimeout);
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  timers.startTimerWithFixedDelay(new Tick(), REPEAT);
                  return new ClusterEngines(context, router, model, means);
                }));
  }

  private final ActorRef<EngineRouter.Command> router;
  private final String model;
  private final RemoteEngine.Means means;
  private final ActorRef<EngineHost.Description> descriptions;
  private final Map<ActorRef<EngineHost.Command>, Host> hosts = new LinkedHashMap<>();
  private final Map<String, Integer> lives = new HashMap<>();

  private ClusterEngines(
      ActorContext<Command> context,
      ActorRef<EngineRouter.Command> router,
      String model,
      RemoteEngine.Means means) {
    super(context);
    context.setLoggerName(ClusterEngines.class);
    this.router = router;
    this.model = model;
    this.means = means;
    this.descriptions = context.messageAdapter(EngineHost.Description.class, Described::new);
    context
        .getSystem()
        .receptionist()
        .tell(
            Receptionist.subscribe(
                EngineHost.KEY, context.messageAdapter(Receptionist.Listing.class, Found::new)));
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    switch (command) {
      case Found(Receptionist.Listing listing) -> onFound(listing);
      case Described(EngineHost.Description description) -> onDescribed(description);
      case Tick() -> hosts.forEach(this::ask);
    }
    return this;
  }

  private void onFound(Receptionist.Listing listing) {
    Set<ActorRef<EngineHost.Command>> all = listing.getAllServiceInstances(EngineHost.KEY);
    Set<ActorRef<EngineHost.Command>> reachable = listing.getServiceInstances(EngineHost.KEY);
    hosts.keySet().retainAll(new HashSet<>(all));
    for (ActorRef<EngineHost.Command> ref : all) {
      Host host = hosts.computeIfAbsent(ref, _ -> new Host());
      ask(ref, host);
      reach(host, reachable.contains(ref));
    }
  }

  private void ask(ActorRef<EngineHost.Command> ref, Host host) {
    if (!host.described) {
      ref.tell(new EngineHost.Describe(descriptions));
    }
  }

  private void reach(Host host, boolean reachable) {
    if (host.hasJoined() && host.reachable != reachable) {
      router.tell(new EngineRouter.Reach(host.name, reachable));
    }
    host.reachable = reachable;
  }

  private void onDescribed(EngineHost.Description description) {
    Host host = hosts.get(description.host());
    if (host == null || host.described) {
      return;
    }
    host.described = true;
    String name = "engine %d of %s".formatted(description.engine(), description.node());
    if (description.model().equals(model)) {
      join(name, host, description.host());
    } else {
      getContext()
          .getLog()
          .error(
              "{} is not drawn with: its model is {} (expected: {}, the trainer's); give both nodes"
                  + " the same settings and weights",
              name,
              description.model(),
              model);
    }
  }

  private void join(String plainName, Host host, ActorRef<EngineHost.Command> ref) {
    int life = lives.merge(plainName, 1, Integer::sum);
    String name = life == 1 ? plainName : "%s, start %d".formatted(plainName, life);
    host.name = name;
    getContext().getLog().info("{} joins", name);
    router.tell(
        new EngineRouter.Join(
            name, (index, events) -> RemoteEngine.create(index, name, ref, events, means)));
    if (!host.reachable) {
      router.tell(new EngineRouter.Reach(name, false));
    }
  }
}
