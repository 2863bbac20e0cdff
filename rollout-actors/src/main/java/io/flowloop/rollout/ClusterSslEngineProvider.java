package io.flowloop.rollout;

import java.nio.file.Path;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSession;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.remote.artery.tcp.SSLEngineProvider;
import scala.Option;

/**
 * TLS of Artery's {@code tls-tcp}, with the certificates of {@code flowloop.cluster.certificates}.
 * Both sides show one of the same authority, and the host that is connected to one with its name.
 * The accepting side cannot know its client's name: every certificate of the authority is a
 * member's.
 */
public final class ClusterSslEngineProvider implements SSLEngineProvider {

  private final NodeCertificates certificates;

  /** As Pekko makes it. */
  public ClusterSslEngineProvider(ActorSystem system) {
    this.certificates =
        NodeCertificates.load(
            Path.of(system.settings().config().getString("flowloop.cluster.certificates")),
            system.settings().config().getString("pekko.remote.artery.canonical.hostname"));
  }

  @Override
  public SSLEngine createServerSSLEngine(String hostname, int port) {
    return certificates.serverEngine();
  }

  @Override
  public SSLEngine createClientSSLEngine(String hostname, int port) {
    return certificates.clientEngine(hostname, port);
  }

  /** The handshake has looked at everything. */
  @Override
  public Option<Throwable> verifyClientSession(String hostname, SSLSession session) {
    return Option.empty();
  }

  @Override
  public Option<Throwable> verifyServerSession(String hostname, SSLSession session) {
    return Option.empty();
  }
}
