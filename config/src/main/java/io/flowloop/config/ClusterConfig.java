package io.flowloop.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * How a node finds the others of its cluster, and whom it trusts.
 *
 * @param enabled whether a run is the trainer of a cluster
 * @param roles what this node does; empty: what is usual for the verb
 * @param host by which the other nodes reach this one
 * @param bindHost the address that is listened on; empty: {@code host}
 * @param port of messages; 0 takes a free one
 * @param dataPort from which samples and weights are pulled; 0 takes a free one
 * @param seedNodes where the trainer is, each {@code host:port}
 * @param minEngines that must be ready before the first request is drawn, 1 or more
 * @param certificates folder of this node's certificate, its key and its authority
 * @param insecure whether nodes may talk without TLS
 * @param blobBytes the most that is held in memory for others to pull
 */
public record ClusterConfig(
    boolean enabled,
    Optional<List<ClusterRole>> roles,
    String host,
    Optional<String> bindHost,
    int port,
    int dataPort,
    List<String> seedNodes,
    int minEngines,
    Optional<Path> certificates,
    boolean insecure,
    ByteSize blobBytes) {

  /** What the node of a run does unless it is said. */
  public static final List<ClusterRole> TRAINER_ROLES =
      List.of(ClusterRole.TRAINER, ClusterRole.WORKER, ClusterRole.REWARD);

  /** What a node that joins does unless it is said. */
  public static final List<ClusterRole> NODE_ROLES =
      List.of(ClusterRole.ENGINE, ClusterRole.REWARD);

  /** What a run does in its own process: all of it without a cluster. */
  public boolean isOnTrainer(ClusterRole role) {
    return !enabled || roles.orElse(TRAINER_ROLES).contains(role);
  }

  /** The address that is listened on. */
  public String boundHost() {
    return bindHost.orElse(host);
  }
}
