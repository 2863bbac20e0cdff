package io.flowloop.rollout;

import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.receptionist.ServiceKey;

/** The reward functions of the cluster's nodes, which a router has score once they are found. */
final class ClusterRewards implements HostFinder.Kind<RewardHost.Command, RewardHost.Description> {

  /**
   * A finder, for as long as the router lives.
   *
   * @param identity all that scores depend on beside prompt and image
   * @param server from which images are pulled
   */
  static Behavior<?> create(
      ActorRef<RewardRouter.Command> router, String identity, DataServer server) {
    return HostFinder.create(new ClusterRewards(router, server), identity);
  }

  private final ActorRef<RewardRouter.Command> router;
  private final DataServer server;

  private ClusterRewards(ActorRef<RewardRouter.Command> router, DataServer server) {
    this.router = router;
    this.server = server;
  }

  @Override
  public ServiceKey<RewardHost.Command> key() {
    return RewardHost.KEY;
  }

  @Override
  public Class<RewardHost.Description> descriptions() {
    return RewardHost.Description.class;
  }

  @Override
  public RewardHost.Command describe(ActorRef<RewardHost.Description> replyTo) {
    return new RewardHost.Describe(replyTo);
  }

  @Override
  public String remedy() {
    return "give both nodes the same reward.functions";
  }

  @Override
  public void join(String name, RewardHost.Description description) {
    router.tell(
        new RewardRouter.Join(
            name,
            description.concurrency(),
            RemoteRewards.create(name, description.host(), router, server)));
  }

  @Override
  public void reach(String name, boolean reachable) {
    router.tell(new RewardRouter.Reach(name, reachable));
  }
}
