package io.flowloop.rollout;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigUtil;
import io.flowloop.config.ClusterConfig;
import io.flowloop.config.ClusterRole;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;

/**
 * How Pekko is set for flowloop's actor systems. System properties still win; an application.conf
 * of the host is for the host's own actors.
 */
public final class ActorSettings {

  /** The name of every system: nodes of one cluster must have the same. */
  public static final String SYSTEM = "flowloop";

  private ActorSettings() {}

  /**
   * For a system that opens no port.
   *
   * @param longestForward that may still run when the system ends
   */
  public static Config local(Duration longestForward) {
    return loaded(common(longestForward) + "pekko.actor.provider = local\n");
  }

  /** For a node of a cluster. */
  public static Config node(
      ClusterConfig cluster, List<ClusterRole> roles, Duration longestForward) {
    return loaded(common(longestForward) + node(cluster, roles));
  }

  private static Config loaded(String settings) {
    return ConfigFactory.load(ConfigFactory.parseString(settings));
  }

  private static String common(Duration longestForward) {
    return """
        pekko {
          # On JDK 25 a pool with the default of 1 may starve (apache/pekko#2870).
          actor.default-dispatcher.fork-join-executor.minimum-runnable = -1
          # A hung engine must not keep its host alive, and a dying one must not end it.
          daemonic = on
          jvm-exit-on-fatal-error = off
          # Answers to a rollout that was given up are no news.
          log-dead-letters = off
          # Before the log is there and after it has ended, errors alone.
          stdout-loglevel = ERROR
          # Those who watch ask for little, and few at a time.
          http.server {
            server-header = ""
            idle-timeout = 30 s
            request-timeout = 5 s
            max-connections = 32
            parsing.max-content-length = 4 KiB
          }
          # Engines and learner are freed when their forwards have ended.
          coordinated-shutdown.phases.actor-system-terminate.timeout = %d ms
        }
        """
        .formatted(longestForward.toMillis());
  }

  private static String node(ClusterConfig cluster, List<ClusterRole> roles) {
    return """
        pekko {
          actor.provider = cluster
          actor.default-remote-dispatcher.fork-join-executor.minimum-runnable = -1
          actor.internal-dispatcher.fork-join-executor.minimum-runnable = -1
          remote.artery {
            transport = %s
            canonical { hostname = %s, port = %d }
            bind { hostname = %s, port = "" }
            ssl.ssl-engine-provider = "io.flowloop.rollout.ClusterSslEngineProvider"
            advanced.maximum-frame-size = 512 KiB
            # A node that leaves cleanly is no news to the others (apache/pekko#578).
            propagate-harmless-quarantine-events = off
          }
          cluster {
            roles = [%s]
            retry-unsuccessful-join-after = 2 s
            # The trainer is the run: whoever loses it starts anew and waits for the next one.
            downing-provider-class = "org.apache.pekko.cluster.sbr.SplitBrainResolverProvider"
            split-brain-resolver {
              active-strategy = keep-oldest
              stable-after = 5 s
              keep-oldest { role = trainer, down-if-alone = off }
            }
            configuration-compatibility-check.checkers.flowloop =
              "io.flowloop.rollout.WireCompatibility"
          }
        }
        flowloop.wire.fingerprint = "%s"
        flowloop.cluster.certificates = %s
        """
        .formatted(
            cluster.certificates().isPresent() ? "tls-tcp" : "tcp",
            quoted(cluster.host()),
            cluster.port(),
            quoted(cluster.boundHost()),
            roles.stream().map(ClusterRole::label).collect(Collectors.joining(", ")),
            WireTable.PROTOCOL.fingerprint(),
            quoted(cluster.certificates().map(Path::toString).orElse("")));
  }

  private static String quoted(String text) {
    return ConfigUtil.quoteString(text);
  }
}
