package io.flowloop.config;

import java.nio.file.Files;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** The rules that the settings of a cluster keep, for the node of a run and for those that join. */
final class ClusterChecks {

  static final int HIGHEST_PORT = 65_535;

  private static final long LEAST_BLOBS = 1 << 20;

  /** A name or an address without brackets, and a port. */
  private static final Pattern SEED = Pattern.compile("([^\\s:\\[\\]]+):(\\d{1,5})");

  private final Findings findings;

  ClusterChecks(Findings findings) {
    this.findings = findings;
  }

  /** The rules of every configuration. */
  void check(ClusterConfig cluster) {
    findings.require(!cluster.host().isBlank(), "cluster.host", "a name or address of this node");
    port("cluster.port", cluster.port());
    port("cluster.dataPort", cluster.dataPort());
    if (cluster.port() != 0) {
      findings.require(
          cluster.port() != cluster.dataPort(), "cluster.dataPort", "another than cluster.port");
    }
    findings.atLeast(1, "cluster.minEngines", cluster.minEngines());
    findings.require(
        cluster.blobBytes().bytes() >= LEAST_BLOBS, "cluster.blobBytes", "1 MiB or more");
    cluster.seedNodes().forEach(this::seed);
    cluster
        .certificates()
        .ifPresent(
            folder ->
                findings.require(
                    Files.isDirectory(folder),
                    "cluster.certificates",
                    "a folder with tls.crt, tls.key and ca.crt; ./flowloop certs makes them"));
    if (cluster.enabled()) {
      trainer(cluster);
      trust(cluster);
    }
  }

  private void port(String key, int port) {
    findings.require(port >= 0 && port <= HIGHEST_PORT, key, "0 to " + HIGHEST_PORT);
  }

  private void seed(String node) {
    var parts = SEED.matcher(node);
    if (!parts.matches() || !isPort(Integer.parseInt(parts.group(2)))) {
      findings.fail(
          "cluster.seedNodes", Optional.of(node), "host:port, with a port of 1 to " + HIGHEST_PORT);
    }
  }

  private static boolean isPort(int port) {
    return port >= 1 && port <= HIGHEST_PORT;
  }

  private void trainer(ClusterConfig cluster) {
    List<ClusterRole> roles = cluster.roles().orElse(ClusterConfig.TRAINER_ROLES);
    findings.require(
        Set.copyOf(roles).containsAll(Set.of(ClusterRole.TRAINER, ClusterRole.WORKER)),
        "cluster.roles",
        "trainer and worker among them, for a run; no other node can have them");
    String own = cluster.host() + ":" + cluster.port();
    findings.require(
        cluster.seedNodes().isEmpty() || cluster.seedNodes().contains(own),
        "cluster.seedNodes",
        own + " among them, as the trainer is where nodes join, or []");
  }

  /** The rules of a node that joins. */
  void node(ClusterConfig cluster) {
    Set<ClusterRole> roles = Set.copyOf(cluster.roles().orElse(ClusterConfig.NODE_ROLES));
    findings.require(
        !roles.isEmpty() && Set.of(ClusterRole.ENGINE, ClusterRole.REWARD).containsAll(roles),
        "cluster.roles",
        "engine, reward or both, for a node; leave out trainer and worker, which ./flowloop train runs in"
            + " one process");
    findings.require(
        !cluster.seedNodes().isEmpty(),
        "cluster.seedNodes",
        "where the trainer is, [\"host:port\"], with its cluster.host and cluster.port");
    trust(cluster);
  }

  private void trust(ClusterConfig cluster) {
    findings.require(
        cluster.certificates().isPresent() || cluster.insecure(),
        "cluster.certificates",
        "a folder with tls.crt, tls.key and ca.crt, which ./flowloop certs makes; or"
            + " cluster.insecure = true, where nobody else reaches these ports");
  }
}
