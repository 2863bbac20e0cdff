package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.pekko.actor.ActorRef;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.testkit.javadsl.TestKit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Artery over {@code tls-tcp}, between real actor systems. */
class ClusterSslEngineProviderTest {

  private static final String HOST = "127.0.0.1";

  @TempDir private Path temp = Path.of("");

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
    Path good = DevelopmentCa.open(temp.resolve("a")).issue(HOST);
    Path other = DevelopmentCa.open(temp.resolve("b")).issue(HOST);
    ActorSystem one = system(good);
    ActorSystem two = system(good);
    ActorSystem stranger = system(other);
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
      TestKit.shutdownActorSystem(one);
      TestKit.shutdownActorSystem(two);
      TestKit.shutdownActorSystem(stranger);
    }
  }
}
