package io.flowloop.rollout;

import io.flowloop.config.ClusterConfig;
import io.flowloop.config.ClusterRole;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a node of a cluster talks with: its certificates, the side channel and an actor system. */
final class NodeLink {

  private static final Logger LOG = LoggerFactory.getLogger(NodeLink.class);

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
}
