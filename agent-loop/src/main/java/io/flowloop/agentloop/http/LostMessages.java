package io.flowloop.agentloop.http;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import org.apache.pekko.actor.DeadLetter;
import org.apache.pekko.actor.Dropped;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.eventstream.EventStream;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** Counts what the actor system could not deliver. */
final class LostMessages {

  private LostMessages() {}

  static Behavior<Object> create(MeterRegistry registry) {
    Counter deadLetters =
        Counter.builder("flowloop.dead.letters")
            .description(
                "messages to actors that have stopped; a rollout that was given up leaves some")
            .register(registry);
    Counter dropped =
        Counter.builder("flowloop.dropped.messages")
            .description("messages that a full queue or a limit of the transport has dropped")
            .register(registry);
    return Behaviors.setup(
        context -> {
          ActorRef<EventStream.Command> events = context.getSystem().eventStream();
          events.tell(new EventStream.Subscribe<>(DeadLetter.class, context.getSelf().narrow()));
          events.tell(new EventStream.Subscribe<>(Dropped.class, context.getSelf().narrow()));
          return Behaviors.receiveMessage(
              message -> {
                (message instanceof Dropped ? dropped : deadLetters).increment();
                return Behaviors.same();
              });
        });
  }
}
