package io.flowloop.rollout;

import io.flowloop.config.ClusterConfig;
import java.time.Duration;
import java.util.Optional;

/**
 * A node's end of the side channel: what it holds for others to pull, and what it pulls from them.
 */
final class SideChannel implements AutoCloseable {

  private static final Duration IDLE = Duration.ofSeconds(30);

  /** A node is pulled from by the trainer alone, the trainer by all nodes. */
  private static final int MAX_CONNECTIONS = 4_096;

  private static final int ATTEMPTS = 3;
  private static final int KEPT_CONNECTIONS = 2;

  private final DataServer server;
  private final DataClient client;

  private SideChannel(DataServer server, DataClient client) {
    this.server = server;
    this.client = client;
  }

  /**
   * A side channel that listens on {@code cluster.dataPort}.
   *
   * @throws RolloutException if the port cannot be listened on
   */
  static SideChannel open(ClusterConfig cluster, Optional<NodeCertificates> certificates) {
    long most = cluster.blobBytes().bytes();
    DataServer server =
        DataServer.start(
            new DataServer.Settings(
                cluster.boundHost(),
                cluster.dataPort(),
                cluster.host(),
                most,
                MAX_CONNECTIONS,
                IDLE),
            certificates);
    return new SideChannel(
        server,
        DataClient.create(
            new DataClient.Settings(most, ATTEMPTS, KEPT_CONNECTIONS, IDLE), certificates));
  }

  DataServer server() {
    return server;
  }

  DataClient client() {
    return client;
  }

  /** Bytes that are held for others. */
  long bytesHeld() {
    return server.bytesHeld();
  }

  @Override
  public void close() {
    client.close();
    server.close();
  }
}
