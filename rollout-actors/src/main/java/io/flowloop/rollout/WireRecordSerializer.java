package io.flowloop.rollout;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.KryoException;
import com.esotericsoftware.kryo.Serializer;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.util.List;

/**
 * Writes a record's components in their order and reads it back through its canonical constructor,
 * whose checks are thereby those of the wire. Kryo's own serializer of records sorts components by
 * name and writes the classes of their values.
 */
final class WireRecordSerializer extends Serializer<Object> {

  private final List<WireField> fields;
  private final Constructor<?> constructor;

  WireRecordSerializer(Class<?> type) {
    super(false, true);
    this.fields = WireField.of(type);
    Class<?>[] parameters =
        fields.stream().map(field -> field.accessor().getReturnType()).toArray(Class<?>[]::new);
    try {
      this.constructor = type.getDeclaredConstructor(parameters);
    } catch (NoSuchMethodException e) {
      throw new IllegalArgumentException(type + " (expected: a record)", e);
    }
  }

  @Override
  public void write(Kryo kryo, Output output, Object value) {
    fields.forEach(field -> field.type().write(kryo, output, component(field, value)));
  }

  private static Object component(WireField field, Object value) {
    try {
      return field.accessor().invoke(value);
    } catch (ReflectiveOperationException e) {
      throw new KryoException(WireType.nameOf(value.getClass()) + "." + field.name(), e);
    }
  }

  @Override
  public Object read(Kryo kryo, Input input, Class<?> type) {
    Object[] values = new Object[fields.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = fields.get(i).type().read(kryo, (WireInput) input);
    }
    try {
      return constructor.newInstance(values);
    } catch (InvocationTargetException e) {
      Throwable refusal = e.getTargetException();
      throw new KryoException(WireType.nameOf(type) + ": " + refusal.getMessage(), refusal);
    } catch (ReflectiveOperationException e) {
      throw new KryoException("cannot make a " + WireType.nameOf(type), e);
    }
  }
}
