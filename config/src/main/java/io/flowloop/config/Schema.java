package io.flowloop.config;

import com.typesafe.config.ConfigUtil;
import java.lang.reflect.Constructor;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The tree of legal keys, as the components of records draw it. */
sealed interface Schema {

  /** A key that has a value. */
  record Leaf(Codec<?> codec) implements Schema {}

  /** A key that has keys below it. */
  sealed interface Branch extends Schema {

    /** What stands below, by legal key. */
    Map<String, Schema> members();
  }

  /** A record: each component is a key below. */
  record Section(Constructor<?> constructor, Map<String, Schema> members) implements Branch {

    /** The record of these components, given in the order of the members. */
    Object create(List<Object> components) {
      try {
        return constructor.newInstance(components.toArray());
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(constructor + " refused " + components, e);
      }
    }

    /** The components of such a record, by name, in the order of the members. */
    SequencedMap<String, Object> values(Object section) {
      SequencedMap<String, Object> values = new LinkedHashMap<>();
      for (RecordComponent component : constructor.getDeclaringClass().getRecordComponents()) {
        try {
          values.put(component.getName(), component.getAccessor().invoke(section));
        } catch (ReflectiveOperationException e) {
          throw new IllegalStateException(component + " cannot be read", e);
        }
      }
      return values;
    }
  }

  /** The map of reward functions: each known name may be a key below. */
  record Entries(Map<String, Schema> members) implements Branch {}

  /**
   * The keys of a record.
   *
   * @param entryNames the names that a {@code Map} component may have
   */
  static Section of(Class<?> type, Set<String> entryNames) {
    RecordComponent[] components = type.getRecordComponents();
    Map<String, Schema> members = new LinkedHashMap<>();
    for (RecordComponent component : components) {
      members.put(component.getName(), of(component.getGenericType(), entryNames));
    }
    Class<?>[] types =
        Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
    try {
      return new Section(type.getDeclaredConstructor(types), members);
    } catch (NoSuchMethodException e) {
      throw new IllegalStateException(type + " has no canonical constructor", e);
    }
  }

  private static Schema of(Type type, Set<String> entryNames) {
    if (type instanceof ParameterizedType map && map.getRawType() == Map.class) {
      Map<String, Schema> entries = new TreeMap<>();
      entryNames.forEach(name -> entries.put(name, of(RewardConfig.settingsOf(name), Set.of())));
      return new Entries(entries);
    }
    return Codec.of(type).<Schema>map(Leaf::new).orElseGet(() -> of((Class<?>) type, entryNames));
  }

  /** The full paths of all keys that may have a value, in the order of the components. */
  static Stream<String> keys(Schema schema, String at) {
    return switch (schema) {
      case Leaf leaf -> Stream.of(at);
      case Branch branch ->
          branch.members().entrySet().stream()
              .flatMap(below -> keys(below.getValue(), key(at, below.getKey())));
    };
  }

  /** The path of {@code name} below {@code at}. */
  static String key(String at, String name) {
    return at.isEmpty() ? ConfigUtil.joinPath(name) : at + "." + ConfigUtil.joinPath(name);
  }
}
