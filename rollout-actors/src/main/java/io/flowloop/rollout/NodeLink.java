package io.flowloop.rollout;

import io.flowloop.config.ClusterConfig;
import io.flowloop.config.ClusterRole;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.ActorRef;
import org.apache.pekko.actor.PoisonPill;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.Props;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a node of a cluster talks with: its certificates, the side channel and an actor system. */
final class NodeLink {

  private static final Logger LOG = LoggerFactory.getLogger(NodeLink.class);

  /** Time for connections to end when all actors have; usually they take a second. */
  private static final Duration CONNECTIONS_END = Duration.ofSeconds(5);

  /** Time for the rest when connections have been cut. */
  private static final Duration REST_ENDS = Duration.ofSeconds(5);

  private final ClusterConfig cluster;
  private final SideChannel data;

  private NodeLink(ClusterConfig cluster, SideChannel data) {
    this.cluster = cluster;
    this.data = data;
  }

  /**
   * Reads the certificates and listens on {@code cluster.dataPort}.
   *
   * @throws NodeCertificateException if the certificates are not what they must be
   * @throws RolloutException if the port cannot be listened on
   */
  static NodeLink open(ClusterConfig cluster) {
    Optional<NodeCertificates> certificates =
        cluster.certificates().map(folder -> NodeCertificates.load(folder, cluster.host()));
    if (certificates.isEmpty()) {
      LOG.warn(
          "cluster.insecure: nodes talk without TLS, and whoever reaches port {} of {} can end this"
              + " process",
          cluster.port(),
          cluster.boundHost());
    }
    return new NodeLink(cluster, SideChannel.open(cluster, certificates));
  }

  SideChannel data() {
    return data;
  }

  /**
   * The actor system of the node, which listens on {@code cluster.port}.
   *
   * @throws RolloutException if the port cannot be listened on; the side channel is closed then
   */
  <T> ActorSystem<T> system(Behavior<T> root, List<ClusterRole> roles, Duration longestForward) {
    try {
      return ActorSystem.create(
          root, ActorSettings.SYSTEM, ActorSettings.node(cluster, roles, longestForward));
    } catch (RuntimeException e) {
      data.close();
      throw new RolloutException(
          "cluster.port: %d on %s cannot be listened on (expected: a free port of this machine)"
              .formatted(cluster.port(), cluster.boundHost()),
          e);
    }
  }

  /**
   * When a system of {@link #system} has ended. Connections that do not end when the actors have
   * are cut: remoting has been seen to wait for them for ever. If even that does not help, the rest
   * is left behind.
   */
  static CompletableFuture<Void> ended(ActorSystem<?> system) {
    CompletableFuture<Void> rootStopped = new CompletableFuture<>();
    try {
      var _ = system.systemActorOf(rootWatch(system, rootStopped), "root-watch", Props.empty());
    } catch (IllegalStateException e) {
      // A node may have failed before anybody asked: the system ends, and its root is gone.
      LOG.debug("{} ends already", system.address(), e);
      rootStopped.complete(null);
    }
    CompletableFuture<Void> whole =
        system.getWhenTerminated().thenAccept(_ -> {}).toCompletableFuture();
    CompletableFuture<Void> given =
        rootStopped
            .thenRunAsync(() -> cut(system, whole), after(CONNECTIONS_END))
            .thenRunAsync(() -> leave(system, whole), after(REST_ENDS));
    return CompletableFuture.anyOf(whole, given).thenAccept(_ -> {});
  }

  private static Executor after(Duration time) {
    return CompletableFuture.delayedExecutor(time.toMillis(), TimeUnit.MILLISECONDS, Runnable::run);
  }

  private static void cut(ActorSystem<?> system, CompletableFuture<Void> whole) {
    if (!whole.isDone()) {
      LOG.info("connections of {} do not end; they are cut", system.address());
      Adapter.toClassic(system)
          .actorSelection("/system/IO-TCP")
          .tell(PoisonPill.getInstance(), ActorRef.noSender());
    }
  }

  private static void leave(ActorSystem<?> system, CompletableFuture<Void> whole) {
    if (!whole.isDone()) {
      LOG.warn(
          "the actor system of {} does not end; it is left behind, and its port with it",
          system.address());
    }
  }

  private static Behavior<Void> rootWatch(ActorSystem<?> system, CompletableFuture<Void> stopped) {
    return Behaviors.setup(
        context -> {
          context.watch(system);
          return Behaviors.receive(Void.class)
              .onSignal(
                  Terminated.class,
                  _ -> {
                    stopped.complete(null);
                    return Behaviors.stopped();
                  })
              .build();
        });
  }
}
