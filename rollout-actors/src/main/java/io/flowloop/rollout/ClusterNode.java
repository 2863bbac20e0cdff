package io.flowloop.rollout;

import io.flowloop.config.ClusterConfig;
import io.flowloop.config.ClusterRole;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.stream.Stream;
import org.apache.pekko.Done;
import org.apache.pekko.actor.Address;
import org.apache.pekko.actor.CoordinatedShutdown;
import org.apache.pekko.actor.typed.ActorSystem;

/**
 * A node that joins the cluster of a trainer and draws or scores for it, from its start until the
 * trainer or the node itself leaves. Another one can follow in the same process.
 */
public final class ClusterNode implements AutoCloseable {

  /** Why a node has ended. */
  public enum End {
    /** It was closed, or the process is ending. */
    CLOSED,
    /** The trainer has left, or the others have taken this node for lost. */
    LEFT,
    /** Its messages are not those of the members: another version of flowloop. */
    INCOMPATIBLE
  }

  /**
   * What a node is there for.
   *
   * @param engines what it draws with; empty if it has not that role
   * @param rewards what it scores with; empty if it has not that role
   * @param requestTimeout longest time for weights or images to come, and for a request or a reward
   *     to be given up when the node ends
   */
  public record Work(
      Optional<EngineWork> engines, Optional<RewardWork> rewards, Duration requestTimeout) {

    List<ClusterRole> roles() {
      return Stream.concat(
              engines.map(_ -> ClusterRole.ENGINE).stream(),
              rewards.map(_ -> ClusterRole.REWARD).stream())
          .toList();
    }
  }

  private final ActorSystem<NodeActor.Command> system;
  private final NodeHealth health;
  private final SideChannel data;
  private final CompletableFuture<Throwable> failure;
  private final CompletableFuture<End> end;

  private ClusterNode(
      ActorSystem<NodeActor.Command> system,
      NodeHealth health,
      SideChannel data,
      CompletableFuture<Throwable> failure) {
    this.system = system;
    this.health = health;
    this.data = data;
    this.failure = failure;
    this.end = NodeLink.ended(system).thenRun(data::close).thenApply(_ -> end());
  }

  /**
   * A node that begins to load its engines and to look for the trainer.
   *
   * @throws NodeCertificateException if its certificates are not what they must be
   * @throws RolloutException if one of its ports cannot be listened on
   */
  public static ClusterNode start(ClusterConfig cluster, Work work) {
    NodeHealth health =
        new NodeHealth(work.engines().map(EngineWork::count).orElse(0), work.rewards().isPresent());
    CompletableFuture<Throwable> failure = new CompletableFuture<>();
    NodeLink link = NodeLink.open(cluster);
    NodeActor.Means means =
        new NodeActor.Means(
            work.engines()
                .map(
                    engines ->
                        new EngineHost.Means(engines, link.data(), health, work.requestTimeout())),
            work.rewards()
                .map(
                    rewards ->
                        new RewardHost.Means(
                            rewards, link.data().client(), health, work.requestTimeout())),
            health);
    List<Address> seeds = cluster.seedNodes().stream().map(seed -> address(seed)).toList();
    ActorSystem<NodeActor.Command> system =
        link.system(NodeActor.create(means, seeds, failure), work.roles(), work.requestTimeout());
    CoordinatedShutdown.get(system)
        .addTask(
            CoordinatedShutdown.PhaseBeforeServiceUnbind(),
            "leave",
            () -> {
              system.tell(new NodeActor.Leave());
              return CompletableFuture.completedFuture(Done.getInstance());
            });
    return new ClusterNode(system, health, link.data(), failure);
  }

  private static Address address(String seed) {
    int colon = seed.lastIndexOf(':');
    return new Address(
        "pekko",
        ActorSettings.SYSTEM,
        seed.substring(0, colon),
        Integer.parseInt(seed.substring(colon + 1)));
  }

  private End end() {
    if (failure.isDone()) {
      throw new RolloutException("node " + system.address(), failure.join());
    }
    Optional<CoordinatedShutdown.Reason> reason =
        CoordinatedShutdown.get(system).getShutdownReason();
    if (reason
        .filter(CoordinatedShutdown.incompatibleConfigurationDetectedReason()::equals)
        .isPresent()) {
      return End.INCOMPATIBLE;
    }
    return reason
            .filter(
                why ->
                    why.equals(CoordinatedShutdown.jvmExitReason())
                        || why.equals(CoordinatedShutdown.actorSystemTerminateReason()))
            .isPresent()
        ? End.CLOSED
        : End.LEFT;
  }

  /** The actor system, for those who watch the node. */
  public ActorSystem<?> system() {
    return system;
  }

  public NodeHealth health() {
    return health;
  }

  /** Whether the node ends, or has ended, with a failure. */
  public boolean hasFailed() {
    return failure.isDone();
  }

  /** Bytes of samples that the trainer has not pulled yet. */
  public long bytesHeld() {
    return data.bytesHeld();
  }

  /**
   * Why the node has ended, once it has.
   *
   * @return fails with a {@link RolloutException} if an engine could not be created, or a first
   *     sample not be drawn or scored
   */
  public CompletionStage<End> ended() {
    return end;
  }

  /** Leaves the cluster, and has the trainer give what this node has to others. */
  @Override
  public void close() {
    system.terminate();
  }
}
