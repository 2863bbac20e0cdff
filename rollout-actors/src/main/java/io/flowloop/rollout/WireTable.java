package io.flowloop.rollout;

import io.flowloop.config.SdeType;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.SdeWindow;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.pekko.actor.typed.ActorRef;

/**
 * The class table: every class that goes over the wire, in the order of the ids it has there.
 *
 * <p>A new class goes to the end, and whatever changes {@link #describe()} raises the schema
 * version: nodes understand those of their own table only.
 */
final class WireTable {

  static final WireTable PROTOCOL =
      new WireTable(
          1,
          message("host.describe", EngineHost.Describe.class),
          message("host.description", EngineHost.Description.class),
          message("host.want", EngineHost.Want.class),
          message("host.stepped", EngineHost.Stepped.class),
          message("host.report", EngineHost.Report.class),
          part(EngineHost.Order.class),
          part(EngineActor.Leased.class),
          part(RolloutRequest.class),
          part(RowSeed.class),
          part(Sampling.class),
          part(SdeType.class),
          part(SdeWindow.class),
          part(EngineHost.DrawnLease.class),
          part(EngineHost.FailedLease.class),
          part(EngineHost.LoadedOrder.class),
          part(EngineHost.RefusedOrder.class),
          part(DataHandle.class),
          part(Throwable.class),
          part(ActorRef.class),
          message("rewards.describe", RewardHost.Describe.class),
          message("rewards.description", RewardHost.Description.class),
          message("rewards.want", RewardHost.Want.class),
          message("rewards.report", RewardHost.Report.class),
          part(RewardHost.Portion.class),
          part(RewardHost.Scored.class),
          part(RewardHost.Part.class),
          part(RewardHost.Failed.class),
          part(RewardHost.Lost.class));

  /** Lower ids are Kryo's own, for primitives and strings. */
  private static final int FIRST_ID = 16;

  /**
   * One class of the table.
   *
   * @param kind what the manifest of a message calls it; empty for what only messages hold
   * @param type a record, an enum, or a class that {@link WireSerializers} knows
   */
  record Entry(Optional<String> kind, Class<?> type) {}

  static Entry message(String kind, Class<? extends WireMessage> type) {
    return new Entry(Optional.of(kind), type);
  }

  static Entry part(Class<?> type) {
    return new Entry(Optional.empty(), type);
  }

  private final int version;
  private final List<Entry> entries;
  private final Map<Class<?>, String> manifests = new LinkedHashMap<>();
  private final Map<String, Class<?>> messages = new LinkedHashMap<>();

  /**
   * @throws IllegalArgumentException if a record has a component that is not in the table, or a
   *     class or kind is there twice
   */
  WireTable(int version, Entry... entries) {
    this.version = version;
    this.entries = List.of(entries);
    this.entries.forEach(this::checkComponents);
    for (Entry entry : entries) {
      entry.kind().ifPresent(kind -> add(kind + "/" + version, entry.type()));
    }
  }

  private void add(String manifest, Class<?> type) {
    if (manifests.put(type, manifest) != null || messages.put(manifest, type) != null) {
      throw new IllegalArgumentException(
          "class table: %s, %s (expected: each once)".formatted(manifest, type.getSimpleName()));
    }
  }

  private void checkComponents(Entry entry) {
    for (WireField field : WireField.of(entry.type())) {
      for (Class<?> needed : field.type().classes()) {
        if (!isKnown(needed)) {
          throw new IllegalArgumentException(
              "%s.%s: %s (expected: a primitive, a String or a class of the table)"
                  .formatted(WireType.nameOf(entry.type()), field.name(), field.type()));
        }
      }
    }
  }

  private boolean isKnown(Class<?> type) {
    return WireType.isPrimitive(type) || entries.stream().anyMatch(e -> e.type().equals(type));
  }

  /** What stands in the header of a message of this class: its kind and the schema version. */
  Optional<String> manifestOf(Class<?> type) {
    return Optional.ofNullable(manifests.get(type));
  }

  /** The class of the messages with this manifest. */
  Optional<Class<?>> messageOf(String manifest) {
    return Optional.ofNullable(messages.get(manifest));
  }

  int version() {
    return version;
  }

  /** Every class by its id on the wire. */
  Map<Integer, Class<?>> classes() {
    return IntStream.range(0, entries.size())
        .boxed()
        .collect(Collectors.toMap(i -> FIRST_ID + i, i -> entries.get(i).type()));
  }

  /** The table as text, a line for each class with all that decides what its bytes mean. */
  String describe() {
    return IntStream.range(0, entries.size())
        .mapToObj(i -> (FIRST_ID + i) + " " + describe(entries.get(i)) + "\n")
        .collect(Collectors.joining("", "schema " + version + "\n", ""));
  }

  private static String describe(Entry entry) {
    return entry.kind().map(kind -> kind + " = ").orElse("")
        + WireType.nameOf(entry.type())
        + content(entry.type());
  }

  private static String content(Class<?> type) {
    if (type.isRecord()) {
      return WireField.of(type).stream()
          .map(field -> field.name() + ": " + field.type())
          .collect(Collectors.joining(", ", "(", ")"));
    }
    return type.isEnum()
        ? Arrays.stream(type.getEnumConstants())
            .map(Object::toString)
            .collect(Collectors.joining(", ", "{", "}"))
        : "";
  }

  /** SHA-256 of {@link #describe()}, in hex: equal where two nodes understand each other. */
  String fingerprint() {
    try {
      byte[] text = describe().getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("SHA-256 is missing (expected: in every JDK)", e);
    }
  }
}
