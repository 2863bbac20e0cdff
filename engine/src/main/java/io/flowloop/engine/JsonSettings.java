package io.flowloop.engine;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The settings in a JSON file of a model folder, such as {@code vae/config.json}.
 *
 * <p>A setting that is missing or wrong is told to a {@link ModelProblems}, and some value stands
 * in for it until all problems are found: nothing may be built of these settings before {@link
 * ModelProblems#throwIfAny}. A JSON null is a setting that is missing.
 */
public final class JsonSettings {

  private static final long MAX_BYTES = 10_000_000;

  /** No model has anything in a larger number: what is larger is a mistake, or meant to harm. */
  static final int MOST = 1_000_000;

  /** Characters of a value that messages show. */
  private static final int SHOWN = 100;

  private final String origin;
  private final String prefix;
  private final JsonObject object;
  private final ModelProblems problems;

  /** Keys with a problem. */
  private final Set<String> told = new HashSet<>();

  private JsonSettings(String origin, String prefix, JsonObject object, ModelProblems problems) {
    this.origin = origin;
    this.prefix = prefix;
    this.object = object;
    this.problems = problems;
  }

  /**
   * Reads a file; without one, or of a broken one, there are no settings and one problem.
   *
   * @param folder the model's
   * @param file within it, such as {@code vae/config.json}
   * @return empty if there is no such file or it is no JSON object
   */
  public static Optional<JsonSettings> read(Path folder, String file, ModelProblems problems) {
    Path path = folder.resolve(file);
    if (!Files.isRegularFile(path)) {
      problems.add(file + ": missing (expected: a JSON file)");
      return Optional.empty();
    }
    try {
      if (Files.size(path) > MAX_BYTES) {
        problems.add(
            "%s: %d bytes (expected: at most %d)".formatted(file, Files.size(path), MAX_BYTES));
        return Optional.empty();
      }
      return parse(file, Files.readString(path), problems);
    } catch (IOException e) {
      problems.add("%s: cannot be read: %s".formatted(file, e));
    }
    return Optional.empty();
  }

  /**
   * Reads a text; of a broken one there are no settings and one problem.
   *
   * @param origin what problems call it
   * @return empty if it is no JSON object
   */
  public static Optional<JsonSettings> parse(String origin, String text, ModelProblems problems) {
    try {
      JsonObject object = JsonParser.parseString(text).getAsJsonObject();
      return Optional.of(new JsonSettings(origin, "", object, problems));
    } catch (JsonParseException | IllegalStateException e) {
      problems.add(
          "%s: not a JSON object: %s".formatted(origin, shown(String.valueOf(e.getMessage()))));
      return Optional.empty();
    }
  }

  /** The settings under a key; empty if there is none. */
  public Optional<JsonSettings> under(String key) {
    return value(key, JsonElement::isJsonObject, "an object")
        .map(
            value ->
                new JsonSettings(origin, prefix + key + ".", value.getAsJsonObject(), problems));
  }

  /** All keys, in the order of the file. */
  public List<String> keys() {
    return List.copyOf(object.keySet());
  }

  public boolean has(String key) {
    return !raw(key).isJsonNull();
  }

  /** A whole number of {@code least} to a million that must be there. */
  public int integer(String key, int least) {
    return integer(key, least, MOST);
  }

  /** A whole number of {@code least} to {@code most} that must be there. */
  public int integer(String key, int least, int most) {
    return optionalInteger(key, least, most)
        .orElseGet(() -> missing(key, between(least, most), least));
  }

  /** A whole number of {@code least} to a million. */
  public int integerOr(String key, int least, int fallback) {
    return optionalInteger(key, least, MOST).orElse(fallback);
  }

  private Optional<Integer> optionalInteger(String key, int least, int most) {
    return value(key, value -> isInteger(value, least, most), between(least, most))
        .map(JsonSettings::whole);
  }

  private static String between(int least, int most) {
    return "a whole number of %d to %d".formatted(least, most);
  }

  /** A finite number that must be there. */
  public double number(String key) {
    return optionalNumber(key).orElseGet(() -> missing(key, "a number", 1.0));
  }

  /** A finite number. */
  public double number(String key, double fallback) {
    return optionalNumber(key).orElse(fallback);
  }

  private Optional<Double> optionalNumber(String key) {
    return value(key, JsonSettings::isNumber, "a number").map(JsonElement::getAsDouble);
  }

  public boolean flag(String key, boolean fallback) {
    return value(key, JsonSettings::isFlag, "true or false")
        .map(JsonElement::getAsBoolean)
        .orElse(fallback);
  }

  /** Whether there is a text, and no value of another kind. */
  public boolean hasText(String key) {
    return isText(raw(key));
  }

  /** A text that must be there. */
  public String text(String key) {
    return optionalText(key).orElseGet(() -> missing(key, "a text", ""));
  }

  public String text(String key, String fallback) {
    return optionalText(key).orElse(fallback);
  }

  private Optional<String> optionalText(String key) {
    return value(key, JsonSettings::isText, "a text").map(JsonElement::getAsString);
  }

  /** Whole numbers of {@code least} to a million, at least one, that must be there. */
  public List<Integer> integers(String key, int least) {
    String expected = "one or more whole numbers of %d to %d".formatted(least, MOST);
    return list(key, value -> isInteger(value, least, MOST), 1, expected)
        .map(list -> list.stream().map(JsonSettings::whole).toList())
        .orElseGet(() -> missing(key, expected, List.of(least)));
  }

  /** Finite numbers; none if they are not there. */
  public List<Double> numbers(String key) {
    return list(key, JsonSettings::isNumber, 0, "numbers")
        .map(list -> list.stream().map(JsonElement::getAsDouble).toList())
        .orElse(List.of());
  }

  /** Flags; none if they are not there. */
  public List<Boolean> flags(String key) {
    return list(key, JsonSettings::isFlag, 0, "flags")
        .map(list -> list.stream().map(JsonElement::getAsBoolean).toList())
        .orElse(List.of());
  }

  /** Texts; none if they are not there. */
  public List<String> texts(String key) {
    return list(key, JsonSettings::isText, 0, "texts")
        .map(list -> list.stream().map(JsonElement::getAsString).toList())
        .orElse(List.of());
  }

  private Optional<List<JsonElement>> list(
      String key, Predicate<JsonElement> isElement, int least, String expected) {
    return value(
            key,
            value ->
                value instanceof JsonArray array
                    && array.size() >= least
                    && array.asList().stream().allMatch(isElement),
            expected)
        .map(value -> value.getAsJsonArray().asList());
  }

  /** Says that the value of a key, whatever it is, cannot be used; of each key once. */
  public void problem(String key, String expected) {
    if (!told.add(key)) {
      return;
    }
    JsonElement value = raw(key);
    problems.add(
        "%s %s%s: %s (expected: %s)"
            .formatted(
                origin,
                prefix,
                key,
                value.isJsonNull() ? "not set" : shown(value.toString()),
                expected));
  }

  private static String shown(String text) {
    return text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "…";
  }

  private <T> T missing(String key, String expected, T standIn) {
    if (!has(key)) {
      problem(key, expected);
    }
    return standIn;
  }

  private Optional<JsonElement> value(String key, Predicate<JsonElement> isValid, String expected) {
    JsonElement value = raw(key);
    if (value.isJsonNull()) {
      return Optional.empty();
    }
    if (!isValid.test(value)) {
      problem(key, expected);
      return Optional.empty();
    }
    return Optional.of(value);
  }

  private JsonElement raw(String key) {
    JsonElement value = object.get(key);
    return value == null ? JsonNull.INSTANCE : value;
  }

  private static boolean isInteger(JsonElement value, int least, int most) {
    return isNumber(value)
        && value.getAsDouble() == Math.rint(value.getAsDouble())
        && value.getAsDouble() >= least
        && value.getAsDouble() <= most;
  }

  /** Not getAsInt, which fails at 0e99999. */
  private static int whole(JsonElement value) {
    return (int) value.getAsDouble();
  }

  private static boolean isNumber(JsonElement value) {
    return value instanceof JsonPrimitive primitive
        && primitive.isNumber()
        && Double.isFinite(primitive.getAsDouble());
  }

  private static boolean isFlag(JsonElement value) {
    return value instanceof JsonPrimitive primitive && primitive.isBoolean();
  }

  private static boolean isText(JsonElement value) {
    return value instanceof JsonPrimitive primitive && primitive.isString();
  }
}
