package io.flowloop.rollout;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.KryoException;
import com.esotericsoftware.kryo.Serializer;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import com.esotericsoftware.kryo.serializers.DefaultSerializers;
import io.flowloop.engine.EngineException;
import org.apache.pekko.actor.ActorPath;
import org.apache.pekko.actor.ExtendedActorSystem;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.javadsl.Adapter;

/** What the classes of a {@link WireTable} are written by. */
final class WireSerializers {

  /** The serializer of a class; all of them may be shared by threads. */
  static Serializer<?> of(Class<?> type, ExtendedActorSystem system) {
    if (type.isRecord()) {
      return new WireRecordSerializer(type);
    }
    if (type.isEnum()) {
      return new DefaultSerializers.EnumSerializer(type.asSubclass(Enum.class));
    }
    if (type == Throwable.class) {
      return new Causes();
    }
    if (type == ActorRef.class) {
      return new ActorRefs(system);
    }
    throw new IllegalArgumentException(
        "class table: %s (expected: a record, an enum or a class with a serializer)"
            .formatted(type.getTypeName()));
  }

  /** An exception is its text: what it was is for people to read, and no class to look up. */
  private static final class Causes extends Serializer<Throwable> {

    @Override
    public void write(Kryo kryo, Output output, Throwable cause) {
      output.writeString(text(cause));
    }

    @Override
    public Throwable read(Kryo kryo, Input input, Class<? extends Throwable> type) {
      return new EngineException(requireText(input.readString()));
    }
  }

  /** What is written of an exception. */
  static String text(Throwable cause) {
    if (cause.getMessage() == null) {
      return cause.getClass().getSimpleName();
    }
    return cause instanceof EngineException
        ? cause.getMessage()
        : cause.getClass().getSimpleName() + ": " + cause.getMessage();
  }

  private static final class ActorRefs extends Serializer<ActorRef<?>> {

    private final ExtendedActorSystem system;

    ActorRefs(ExtendedActorSystem system) {
      this.system = system;
    }

    /** Looked up late: serializers are made while the system starts. */
    private ActorRefResolver resolver() {
      return ActorRefResolver.get(Adapter.toTyped(system));
    }

    @Override
    public void write(Kryo kryo, Output output, ActorRef<?> ref) {
      output.writeString(resolver().toSerializationFormat(ref));
    }

    @Override
    public ActorRef<?> read(Kryo kryo, Input input, Class<? extends ActorRef<?>> type) {
      String path = requireText(input.readString());
      try {
        var _ = ActorPath.fromString(path);
      } catch (Exception e) { // Scala declares no checked exceptions, and throws one.
        throw new KryoException("actor reference: " + path + " (expected: an actor's path)", e);
      }
      return resolver().resolveActorRef(path);
    }
  }

  private static String requireText(String text) {
    if (text == null) {
      throw new KryoException("null (expected: a text)");
    }
    return text;
  }

  private WireSerializers() {}
}
