package io.flowloop.rollout;

import java.time.Duration;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.receptionist.ServiceKey;

/** The engines of the cluster's nodes, which a router draws with once they are found. */
final class ClusterEngines implements HostFinder.Kind<EngineHost.Command, EngineHost.Description> {

  /**
   * A finder, for as long as the router lives.
   *
   * @param model all that samples depend on beside requests and synced weights
   * @param pullTimeout longest time for the samples of a request to come
   */
  static Behavior<?> create(
      ActorRef<EngineRouter.Command> router, String model, SideChannel data, Duration pullTimeout) {
    return HostFinder.create(
        new ClusterEngines(
            router,
            new RemoteEngine.Means(data.client(), new WeightsShelf(data.server()), pullTimeout)),
        model);
  }

  private final ActorRef<EngineRouter.Command> router;
  private final RemoteEngine.Means means;

  private ClusterEngines(ActorRef<EngineRouter.Command> router, RemoteEngine.Means means) {
    this.router = router;
    this.means = means;
  }

  @Override
  public ServiceKey<EngineHost.Command> key() {
    return EngineHost.KEY;
  }

  @Override
  public Class<EngineHost.Description> descriptions() {
    return EngineHost.Description.class;
  }

  @Override
  public EngineHost.Command describe(ActorRef<EngineHost.Description> replyTo) {
    return new EngineHost.Describe(replyTo);
  }

  @Override
  public String remedy() {
    return "give both nodes the same settings and weights";
  }

  @Override
  public void join(String name, EngineHost.Description description) {
    router.tell(
        new EngineRouter.Join(
            name,
            (index, events) ->
                RemoteEngine.create(index, name, description.host(), events, means)));
  }

  @Override
  public void reach(String name, boolean reachable) {
    router.tell(new EngineRouter.Reach(name, reachable));
  }
}
