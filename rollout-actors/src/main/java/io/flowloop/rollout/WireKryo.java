package io.flowloop.rollout;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.KryoException;
import com.esotericsoftware.kryo.Registration;
import com.esotericsoftware.kryo.Serializer;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import com.esotericsoftware.kryo.util.DefaultClassResolver;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.pekko.actor.ExtendedActorSystem;

/** Makes Kryo instances that know the classes of a {@link WireTable} and no others. */
final class WireKryo {

  /** Nested objects of one message; those of the protocol have 4. */
  static final int MAX_DEPTH = 8;

  private final Map<Integer, Class<?>> classes;
  private final Map<Class<?>, Serializer<?>> serializers;

  WireKryo(WireTable table, ExtendedActorSystem system) {
    this.classes = table.classes();
    this.serializers =
        classes.values().stream()
            .collect(Collectors.toMap(type -> type, type -> WireSerializers.of(type, system)));
  }

  /** A new instance, for one thread at a time. */
  Kryo create() {
    Kryo kryo = new Kryo(new IdsOnly(), null);
    kryo.setRegistrationRequired(true);
    kryo.setReferences(false);
    kryo.setOptimizedGenerics(false);
    kryo.setMaxDepth(MAX_DEPTH);
    classes.forEach((id, type) -> kryo.register(new Registration(type, serializers.get(type), id)));
    return kryo;
  }

  /** Class names are neither written nor read, so no bytes can name a class to be loaded. */
  private static final class IdsOnly extends DefaultClassResolver {

    @Override
    @SuppressWarnings("rawtypes") // Kryo's signature.
    protected void writeName(Output output, Class type, Registration registration) {
      throw new KryoException(
          "class: " + type.getName() + " (expected: a class of the table, by its id)");
    }

    @Override
    protected Registration readName(Input input) {
      throw new KryoException("a class by its name (expected: the id of a class of the table)");
    }
  }
}
