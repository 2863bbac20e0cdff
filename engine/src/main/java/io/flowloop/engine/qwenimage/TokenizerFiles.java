package io.flowloop.engine.qwenimage;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import io.flowloop.engine.ModelProblems;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The files of a model's {@code tokenizer}. What is wrong with one is told, with its name, and
 * nothing is read of it.
 *
 * @param model the model's folder
 * @param problems is told
 */
record TokenizerFiles(Path model, ModelProblems problems) {

  private static final String FOLDER = "tokenizer";

  private static final long MAX_BYTES = 100_000_000;

  /** How messages call a file. */
  static String path(String file) {
    return FOLDER + "/" + file;
  }

  boolean has(String file) {
    return Files.isRegularFile(at(file));
  }

  private Path at(String file) {
    return model.resolve(FOLDER, file);
  }

  Optional<String> text(String file) {
    if (!has(file)) {
      return problem(file, "missing (expected: with the other files of the tokenizer)");
    }
    try {
      long size = Files.size(at(file));
      return size <= MAX_BYTES
          ? Optional.of(Files.readString(at(file)))
          : problem(file, "%d bytes (expected: at most %d)".formatted(size, MAX_BYTES));
    } catch (IOException e) {
      return problem(file, "cannot be read: %s (expected: text in UTF-8)".formatted(e));
    }
  }

  Optional<JsonObject> object(String file) {
    return text(file).flatMap(text -> object(file, text));
  }

  private Optional<JsonObject> object(String file, String text) {
    try (JsonReader reader = new JsonReader(new StringReader(text))) {
      reader.setStrictness(Strictness.STRICT);
      JsonElement json = JsonParser.parseReader(reader);
      if (json instanceof JsonObject object && reader.peek() == JsonToken.END_DOCUMENT) {
        return Optional.of(object);
      }
      return problem(file, "other JSON (expected: one object)");
    } catch (JsonParseException | IOException e) {
      return problem(file, "no JSON: %s (expected: one object)".formatted(e.getMessage()));
    }
  }

  /** Whether a value can be the id of a token. */
  static boolean isId(@Nullable JsonElement value) {
    return value instanceof JsonPrimitive number
        && number.isNumber()
        && number.getAsString().matches("[0-9]{1,9}");
  }

  /** Says that a file gives a token something else than an id. */
  void wrongId(String file, String token, JsonElement value) {
    problem(file, "token '%s' is %s (expected: its id, a whole number)".formatted(token, value));
  }

  /** Says what is wrong with a file; there is nothing to answer then. */
  <T> Optional<T> problem(String file, String problem) {
    problems.add(path(file) + ": " + problem);
    return Optional.empty();
  }
}
