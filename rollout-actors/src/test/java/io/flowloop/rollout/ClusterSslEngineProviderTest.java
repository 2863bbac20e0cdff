package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.apache.pekko.actor.ActorRef;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.testkit.javadsl.TestKit;
import org.junit.jupiter.api.Test;

/** Artery over {@code tls-tcp}, between real actor systems. */
class ClusterSslEngineProviderTest {

  private static final String HOST = TestCertificates.HOST;

  private static final Duration END = Duration.ofSeconds(1);

  private static ActorSystem system(Path certificates) {
    return ActorSystem.create(
        "tls",
        ConfigFactory.parseString(
                """
        pekko.actor.provider = remote
        pekko.remote.artery {
          transport = tls-tcp
          canonical { hostname = "%s", port = 0 }
          ssl.ssl-engine-provider = "io.flowloop.rollout.ClusterSslEngineProvider"
        }
        flowloop.cluster.certificates = "%s"
        """
                    .formatted(HOST, certificates))
            .withFallback(ConfigFactory.load()));
  }

  private static void tell(ActorSystem from, ActorSystem to, TestKit probe, String text) {
    String path = probe.getRef().path().toStringWithAddress(to.provider().getDefaultAddress());
    from.actorSelection(path).tell(text, ActorRef.noSender());
  }

  @Test
  void tlsTcp_strangerOfAnotherAuthority_isHeardByNobodyAndNodesStayConnected() {
    ActorSystem one = system(TestCertificates.node());
    ActorSystem two = system(TestCertificates.node());
    ActorSystem stranger = system(TestCertificates.stranger());
    try {
      TestKit atTwo = new TestKit(two);
      TestKit atStranger = new TestKit(stranger);

      tell(one, two, atTwo, "before");
      assertThat(atTwo.<String>expectMsgEquals(Duration.ofSeconds(20), "before")).isNotNull();
      tell(stranger, two, atTwo, "strange");
      tell(one, stranger, atStranger, "secret");
      atTwo.expectNoMessage(Duration.ofSeconds(2));
      atStranger.expectNoMessage(Duration.ofMillis(100));
      tell(one, two, atTwo, "after");
      assertThat(atTwo.<String>expectMsgEquals(Duration.ofSeconds(20), "after")).isNotNull();
    } finally {
      List<ActorSystem> systems = List.of(one, two, stranger);
      systems.forEach(ActorSystem::terminate);
      // Remoting may wait for connections without end, which is not what is tested here.
      systems.forEach(each -> TestKit.shutdownActorSystem(each, END));
    }
  }
}
