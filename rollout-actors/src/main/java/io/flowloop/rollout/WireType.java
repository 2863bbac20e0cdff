package io.flowloop.rollout;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.KryoException;
import com.esotericsoftware.kryo.io.Output;
import io.flowloop.engine.EngineException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;

/**
 * The declared type of a record's component: it alone decides what is written and read, so no bytes
 * can put a value of another class there.
 */
sealed interface WireType {

  Set<Class<?>> PRIMITIVES =
      Set.of(int.class, long.class, double.class, boolean.class, Long.class, String.class);

  void write(Kryo kryo, Output output, Object value);

  Object read(Kryo kryo, WireInput input);

  /** The classes that must be registered for it. */
  Set<Class<?>> classes();

  /**
   * What a component of this type is written by.
   *
   * @throws IllegalArgumentException if the wire knows no such type
   */
  static WireType of(Type type) {
    return switch (type) {
      case Class<?> plain -> plain(plain);
      case ParameterizedType generic -> generic(generic);
      default -> throw unknown(type);
    };
  }

  private static WireType plain(Class<?> type) {
    if (Throwable.class.isAssignableFrom(type)) {
      if (!type.isAssignableFrom(EngineException.class)) {
        throw unknown(type);
      }
      return new Plain(type, Throwable.class);
    }
    return new Plain(type, type);
  }

  private static WireType generic(ParameterizedType type) {
    Type[] arguments = type.getActualTypeArguments();
    if (type.getRawType() == ActorRef.class) {
      return new Plain(ActorRef.class, ActorRef.class);
    }
    if (type.getRawType() == List.class) {
      return new Listed(of(arguments[0]));
    }
    if (type.getRawType() == Optional.class) {
      return new Perhaps(of(arguments[0]));
    }
    throw unknown(type);
  }

  private static IllegalArgumentException unknown(Type type) {
    return new IllegalArgumentException(
        "type: %s (expected: a class, List, Optional, ActorRef, or what an"
                .formatted(type.getTypeName())
            + " EngineException is)");
  }

  static boolean isPrimitive(Class<?> type) {
    return PRIMITIVES.contains(type);
  }

  /** The class without its package. */
  static String nameOf(Class<?> type) {
    String name = type.getTypeName();
    String prefix = type.getPackageName() + ".";
    return (name.startsWith(prefix) ? name.substring(prefix.length()) : name).replace('$', '.');
  }

  /**
   * A class with a serializer.
   *
   * @param declared by the record
   * @param registered whose serializer is taken: {@link Throwable} for all exceptions
   */
  record Plain(Class<?> declared, Class<?> registered) implements WireType {

    @Override
    public void write(Kryo kryo, Output output, Object value) {
      kryo.writeObject(output, value, kryo.getSerializer(registered));
    }

    @Override
    public Object read(Kryo kryo, WireInput input) {
      Object value = kryo.readObject(input, registered, kryo.getSerializer(registered));
      if (value == null) {
        throw new KryoException("null (expected: " + this + ")");
      }
      return value;
    }

    @Override
    public Set<Class<?>> classes() {
      return Set.of(registered);
    }

    @Override
    public String toString() {
      return nameOf(declared);
    }
  }

  /** Its length, then its elements. */
  record Listed(WireType element) implements WireType {

    @Override
    public void write(Kryo kryo, Output output, Object value) {
      List<?> list = (List<?>) value;
      output.writeVarInt(list.size(), true);
      list.forEach(each -> element.write(kryo, output, each));
    }

    @Override
    public Object read(Kryo kryo, WireInput input) {
      int length = input.readLength(1);
      List<Object> list = new ArrayList<>(length);
      for (int i = 0; i < length; i++) {
        list.add(element.read(kryo, input));
      }
      return Collections.unmodifiableList(list);
    }

    @Override
    public Set<Class<?>> classes() {
      return element.classes();
    }

    @Override
    public String toString() {
      return "List<" + element + ">";
    }
  }

  /** Its length, 0 or 1, then what it holds. */
  record Perhaps(WireType element) implements WireType {

    @Override
    public void write(Kryo kryo, Output output, Object value) {
      new Listed(element).write(kryo, output, ((Optional<?>) value).stream().toList());
    }

    @Override
    public Object read(Kryo kryo, WireInput input) {
      int length = input.readLength(1);
      if (length > 1) {
        throw new KryoException("length of an Optional: " + length + " (expected: 0 or 1)");
      }
      return length == 0 ? Optional.empty() : Optional.of(element.read(kryo, input));
    }

    @Override
    public Set<Class<?>> classes() {
      return element.classes();
    }

    @Override
    public String toString() {
      return "Optional<" + element + ">";
    }
  }
}
