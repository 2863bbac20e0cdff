package io.flowloop.rollout;

import io.flowloop.config.ClusterConfig;
import io.flowloop.config.ClusterRole;
import io.flowloop.engine.RolloutRequest;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.Done;
import org.apache.pekko.actor.Address;
import org.apache.pekko.actor.CoordinatedShutdown;
import org.apache.pekko.actor.typed.ActorSystem;

/**
 * A node that joins the cluster of a trainer and draws for it, from its start until the trainer or
 * the node itself leaves. Another one can follow in the same process.
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
   * @param engines makes its engines
   * @param engineCount how many, 1 or more; used if the node has the role of an engine
   * @param model all that samples depend on beside requests and synced weights, as the trainer says
   *     it
   * @param canary what an engine must draw before it is offered to the trainer
   * @param requestTimeout longest time for weights to come, and for a request to be given up when
   *     the node ends
   */
  public record Work(
      EngineFactory engines,
      int engineCount,
      String model,
      RolloutRequest canary,
      Duration requestTimeout) {}

  private final ActorSystem<NodeActor.Command> system;
  private final NodeHealth health;
  private final SideChannel data;
  private final CompletableFuture<End> end;

  private ClusterNode(
      ActorSystem<NodeActor.Command> system,
      NodeHealth health,
      SideChannel data,
      CompletableFuture<Throwable> failure) {
    this.system = system;
    this.health = health;
    this.data = data;
    this.end =
        NodeLink.ended(system).thenRun(data::close).thenApply(_ -> end(failure));
  }

  /**
   * A node that begins to load its engines and to look for the trainer.
   *
   * @throws NodeCertificateException if its certificates are not what they must be
   * @throws RolloutException if one of its ports cannot be listened on
   */
  public static ClusterNode start(ClusterConfig cluster, Work work) {
    List<ClusterRole> roles = cluster.roles().orElse(ClusterConfig.NODE_ROLES);
    int engines = roles.contains(ClusterRole.ENGINE) ? work.engineCount() : 0;
    NodeHealth health = new NodeHealth(engines);
    CompletableFuture<Throwable> failure = new CompletableFuture<>();
    NodeLink link = NodeLink.open(cluster);
    EngineHost.Means means =
        new EngineHost.Means(
            work.model(),
            work.engines(),
            work.canary(),
            link.data(),
            health,
            work.requestTimeout());
    List<Address> seeds = cluster.seedNodes().stream().map(seed -> address(seed)).toList();
    ActorSystem<NodeActor.Command> system =
        link.system(
            NodeActor.create(engines, means, seeds, failure), roles, work.requestTimeout());
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

  private End end(CompletableFuture<Throwable> failure) {
    if (failure.isDone()) {
      throw new RolloutException("node " + system.address(), failure.join());
    }
    Optional<CoordinatedShutdown.Reason> reason =
        CoordinatedShutdown.get(system).getShutdownReason();
    if (reason.filter(CoordinatedShutdown.incompatibleConfigurationDetectedReason()::equals)
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

  /** Bytes of samples that the trainer has not pulled yet. */
  public long bytesHeld() {
    return data.bytesHeld();
  }

  /**
   * Why the node has ended, once it has.
   *
   * @return fails with a {@link RolloutException} if an engine could not be created or could not
   *     draw
   */
  public CompletionStage<End> ended() {
    return end;
  }

  /** Leaves the cluster, and has the trainer give what this node draws to others. */
  @Override
  public void close() {
    system.terminate();
  }
}
