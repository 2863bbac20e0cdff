package io.flowloop.rollout;

import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;

/** A record's component, with how its values are written. */
record WireField(String name, WireType type, Method accessor) {

  /** The components of a record in their order; none for another class. */
  static List<WireField> of(Class<?> type) {
    return type.isRecord()
        ? Arrays.stream(type.getRecordComponents()).map(WireField::of).toList()
        : List.of();
  }

  private static WireField of(RecordComponent component) {
    return new WireField(
        component.getName(), WireType.of(component.getGenericType()), component.getAccessor());
  }
}
