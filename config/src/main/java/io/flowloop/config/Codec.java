package io.flowloop.config;

import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import com.typesafe.config.ConfigValueType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * How values of one type are read from HOCON and written back to it.
 *
 * @param expected what a legal value is, in words
 * @param read throws {@link IllegalArgumentException} or HOCON's own exception on any other
 * @param write HOCON that {@code read} reads as the same value
 */
record Codec<T>(String expected, Function<ConfigValue, T> read, Function<T, String> write) {

  private static final Map<Type, Codec<?>> BY_TYPE = byType();

  /** The codec of a record component's type; empty for a type that has keys of its own. */
  static Optional<Codec<?>> of(Type type) {
    if (type instanceof ParameterizedType optional && optional.getRawType() == Optional.class) {
      return of(optional.getActualTypeArguments()[0]).map(Codec::optional);
    }
    if (type instanceof ParameterizedType list && list.getRawType() == List.class) {
      return of(list.getActualTypeArguments()[0]).map(Codec::list);
    }
    if (type instanceof Class<?> named && named.isEnum()) {
      return Optional.of(ofEnum(named));
    }
    return Optional.ofNullable(BY_TYPE.get(type));
  }

  /** A value of this type as HOCON. */
  @SuppressWarnings("unchecked") // the schema tells the type
  String written(Object value) {
    return write.apply((T) value);
  }

  private static Map<Type, Codec<?>> byType() {
    Codec<Integer> integer =
        ofText("a whole number of at most 2147483647", Integer::valueOf, String::valueOf);
    Map<Type, Codec<?>> codecs = new HashMap<>();
    codecs.put(int.class, integer);
    codecs.put(
        OptionalInt.class,
        integer.orNull(OptionalInt.empty(), OptionalInt::of, i -> i.stream().boxed().findFirst()));
    codecs.put(long.class, ofText("a whole number of 64 bits", Long::valueOf, String::valueOf));
    codecs.put(double.class, ofText("a finite number", Codec::readDouble, String::valueOf));
    codecs.put(boolean.class, ofText("true or false", Codec::readBoolean, String::valueOf));
    codecs.put(String.class, ofText("a text", Codec::readText, Codec::quote));
    codecs.put(Path.class, ofText("a path", text -> Path.of(readText(text)), Codec::quote));
    codecs.put(URI.class, ofText("a URL", URI::create, Codec::quote));
    codecs.put(
        Duration.class,
        ofText("a number and a unit, such as 10 s", Codec::readDuration, Codec::write));
    codecs.put(
        ByteSize.class,
        ofText("a number and a unit, such as 4 GiB", Codec::readSize, size -> size.bytes() + " B"));
    codecs.put(Device.class, ofText("auto, cpu or gpu:<number>", Device::parse, Codec::quote));
    codecs.put(
        IntRange.class,
        new Codec<>("[start, end] with 0 <= start <= end", Codec::readRange, Codec::write));
    return codecs;
  }

  private static <T> Codec<T> ofText(
      String expected, Function<String, T> read, Function<T, String> write) {
    return new Codec<>(expected, value -> read.apply(Hocon.text(value)), write);
  }

  private static <E> Codec<E> ofEnum(Class<E> type) {
    Map<String, E> constants = new LinkedHashMap<>();
    for (E constant : type.getEnumConstants()) {
      constants.put(camelCase(constant), constant);
    }
    return ofText(
        "one of " + String.join(", ", constants.keySet()),
        text ->
            Optional.ofNullable(constants.get(Spelling.camelCase(text)))
                .orElseThrow(() -> new IllegalArgumentException(text)),
        Codec::camelCase);
  }

  private static String camelCase(Object enumConstant) {
    return Spelling.camelCase(enumConstant.toString().toLowerCase(Locale.ROOT));
  }

  private Codec<Optional<T>> optional() {
    return orNull(Optional.empty(), Optional::of, value -> value);
  }

  private Codec<List<T>> list() {
    return new Codec<>(
        "a list, each " + expected,
        value -> elements(value).map(read).toList(),
        all -> all.stream().map(write).collect(Collectors.joining(", ", "[", "]")));
  }

  /**
   * A text is the list as a shell leaves it, {@code [a:1,b:2]}: HOCON wants quotes where there is a
   * colon, and shells take them away.
   */
  private static Stream<? extends ConfigValue> elements(ConfigValue value) {
    if (value.unwrapped() instanceof String text && text.matches("\\[.*]")) {
      return Pattern.compile(",")
          .splitAsStream(text.substring(1, text.length() - 1))
          .map(String::strip)
          .map(ConfigValueFactory::fromAnyRef);
    }
    return value.atKey("value").getList("value").stream();
  }

  private <O> Codec<O> orNull(O empty, Function<T, O> wrap, Function<O, Optional<T>> unwrap) {
    return new Codec<>(
        expected + ", or null",
        value -> value.valueType() == ConfigValueType.NULL ? empty : wrap.apply(read.apply(value)),
        optional -> unwrap.apply(optional).map(write).orElse("null"));
  }

  /** A number written in decimal digits: neither NaN nor Java's 1d and 0x1p3. 0 has no sign. */
  private static double readDouble(String text) {
    double value = new BigDecimal(text).doubleValue() + 0.0;
    if (Double.isInfinite(value)) {
      throw new NumberFormatException(text);
    }
    return value;
  }

  private static boolean readBoolean(String text) {
    return switch (text) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new IllegalArgumentException(text);
    };
  }

  private static String readText(String text) {
    if (text.isBlank()) {
      throw new IllegalArgumentException("blank");
    }
    return text;
  }

  /** HOCON reads a duration without a unit as milliseconds; here that is refused. */
  private static Duration readDuration(String text) {
    if (!text.matches(".*\\p{Alpha}")) {
      throw new IllegalArgumentException(text);
    }
    return ConfigValueFactory.fromAnyRef(text).atKey("value").getDuration("value");
  }

  /** HOCON reads a size without a unit as bytes; here that is refused, as for a duration. */
  private static ByteSize readSize(String text) {
    if (!text.matches(".*\\p{Alpha}")) {
      throw new IllegalArgumentException(text);
    }
    return new ByteSize(ConfigValueFactory.fromAnyRef(text).atKey("value").getBytes("value"));
  }

  private static IntRange readRange(ConfigValue value) {
    List<? extends ConfigValue> ends = value.atKey("value").getList("value");
    if (ends.size() != 2) {
      throw new IllegalArgumentException(ends.toString());
    }
    return new IntRange(
        Integer.parseInt(Hocon.text(ends.get(0))), Integer.parseInt(Hocon.text(ends.get(1))));
  }

  private static String write(IntRange range) {
    return "[" + range.start() + ", " + range.end() + "]";
  }

  private static String write(Duration duration) {
    long nanos = duration.toNanos();
    ChronoUnit unit =
        Stream.of(ChronoUnit.MINUTES, ChronoUnit.SECONDS, ChronoUnit.MILLIS)
            .filter(u -> nanos % u.getDuration().toNanos() == 0)
            .findFirst()
            .orElse(ChronoUnit.NANOS);
    return nanos / unit.getDuration().toNanos() + " " + unit.toString().toLowerCase(Locale.ROOT);
  }

  private static String quote(Object text) {
    return Printable.of(Hocon.render(ConfigValueFactory.fromAnyRef(text.toString())));
  }
}
