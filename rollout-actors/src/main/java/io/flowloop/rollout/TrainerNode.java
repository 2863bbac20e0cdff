package io.flowloop.rollout;

import io.flowloop.config.ClusterConfig;
import io.flowloop.config.ClusterRole;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Join;

/**
 * A trainer's node: the first of its cluster, which others join to draw and score for it. Each run
 * makes a cluster of its own, so that nobody draws for a run that has ended.
 */
public final class TrainerNode implements AutoCloseable {

  private final ClusterConfig cluster;
  private final NodeLink link;

  private TrainerNode(ClusterConfig cluster, NodeLink link) {
    this.cluster = cluster;
    this.link = link;
  }

  /**
   * Reads the certificates and listens on {@code cluster.dataPort}.
   *
   * @throws NodeCertificateException if the certificates are not what they must be
   * @throws RolloutException if the port cannot be listened on
   */
  public static TrainerNode open(ClusterConfig cluster) {
    return new TrainerNode(cluster, NodeLink.open(cluster));
  }

  /**
   * The actor system, a cluster of one.
   *
   * @throws RolloutException if {@code cluster.port} cannot be listened on; this is closed then
   */
  public <T> ActorSystem<T> system(Behavior<T> root, Duration longestForward) {
    ActorSystem<T> system =
        link.system(root, cluster.roles().orElse(ClusterConfig.TRAINER_ROLES), longestForward);
    Cluster self = Cluster.get(system);
    self.manager().tell(new Join(self.selfMember().address()));
    return system;
  }

  /**
   * An actor that has a router draw with the engines of all nodes.
   *
   * @param model all that samples depend on beside requests and synced weights; engines of another
   *     are left alone
   * @param pullTimeout longest time for the samples of a request to come
   */
  public Behavior<?> engines(
      ActorRef<EngineRouter.Command> router, String model, Duration pullTimeout) {
    return ClusterEngines.create(router, model, link.data(), pullTimeout);
  }

  /** When a system of this node has ended, whatever its connections do. */
  public CompletableFuture<Void> ended(ActorSystem<?> system) {
    return NodeLink.ended(system);
  }

  /**
   * An actor that takes the orders of a {@link RewardPool} and spreads them over the nodes that
   * score, and this process if {@code cluster.roles} says so.
   *
   * @param work what this process scores with; nodes that score otherwise are left alone
   * @param patience longest wait of an image for somebody to score it
   */
  public Behavior<RewardPool.Command> rewards(RewardWork work, Duration patience) {
    return RewardRouter.create(
        work, cluster.isOnTrainer(ClusterRole.REWARD), link.data().server(), patience);
  }

  /** Ends the side channel, when the actor system has ended. */
  @Override
  public void close() {
    link.data().close();
  }
}
