package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.Test;

class NodeLinkTest {

  private static final Duration LONG = Duration.ofSeconds(20);

  /** A node that cannot load what it is for may have ended before anybody looks. */
  @Test
  void ended_systemThatHasEndedBefore_isThere() {
    ActorSystem<Void> system =
        ActorSystem.create(
            Behaviors.empty(), "node-link", ConfigFactory.parseString("pekko.loglevel = off"));
    system.terminate();
    assertThat(system.getWhenTerminated().toCompletableFuture()).succeedsWithin(LONG);

    assertThat(NodeLink.ended(system)).succeedsWithin(LONG);
  }
}
