package io.flowloop.agentloop;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.LearnerState;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/**
 * The file {@code checkpoint.json}: all of a checkpoint but its tensors, and what vouches for the
 * files that hold them. It vouches for itself by a checksum too.
 *
 * @param step training steps done
 * @param position prompts taken so far
 * @param best the best validation so far
 * @param fingerprint what a run that goes on must share
 * @param learner the learner's counts
 * @param files what the other files hold, by name
 */
record CheckpointManifest(
    int step,
    long position,
    Optional<Checkpoint.Best> best,
    SequencedMap<String, String> fingerprint,
    Counts learner,
    SortedMap<String, Content> files) {

  /**
   * What a {@link LearnerState} has beside tensors.
   *
   * @param version updates done
   * @param optimizerSteps steps AdamW applied
   * @param base checksum of the weights that training began with
   */
  record Counts(long version, int optimizerSteps, long base) {}

  /**
   * What a file holds.
   *
   * @param bytes its size
   * @param crc CRC-32C of its bytes, as eight hexadecimal digits
   */
  record Content(long bytes, String crc) {

    /** That of a file as it is. */
    static Content of(Path file) throws IOException {
      CRC32C crc = new CRC32C();
      try (FileChannel channel = FileChannel.open(file)) {
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
        while (channel.read(buffer) >= 0) {
          crc.update(buffer.flip());
          buffer.clear();
        }
        return new Content(channel.size(), hex(crc));
      }
    }
  }

  static final String NAME = "checkpoint.json";

  private static final int SCHEMA = 1;
  private static final String SCHEMA_VERSION = "schema_version";
  private static final String CHECKSUM = "checksum";
  private static final int BUFFER_BYTES = 1 << 16;
  private static final Gson COMPACT =
      new GsonBuilder().setStrictness(Strictness.STRICT).disableHtmlEscaping().create();
  private static final Gson PRETTY = COMPACT.newBuilder().setPrettyPrinting().create();

  static CheckpointManifest of(Checkpoint checkpoint, Map<String, Content> files) {
    LearnerState learner = checkpoint.learner();
    return new CheckpointManifest(
        checkpoint.step(),
        checkpoint.position(),
        checkpoint.best(),
        checkpoint.fingerprint(),
        new Counts(learner.version(), learner.optimizerSteps(), learner.base()),
        new TreeMap<>(files));
  }

  /** The file's text; every cut of it is noticed, so it ends without a line feed. */
  String render() {
    JsonObject json = new JsonObject();
    json.addProperty(SCHEMA_VERSION, SCHEMA);
    json.addProperty("step", step);
    json.addProperty("position", position);
    json.addProperty("version", learner.version);
    json.addProperty("optimizer_steps", learner.optimizerSteps);
    // A text: most readers of JSON numbers keep 53 bits only.
    json.addProperty("base", HexFormat.of().toHexDigits(learner.base));
    best.ifPresent(found -> json.add("best", COMPACT.toJsonTree(found)));
    json.add("fingerprint", COMPACT.toJsonTree(fingerprint));
    json.add("files", COMPACT.toJsonTree(files));
    return sealed(json);
  }

  /** Adds the checksum over all else. */
  static String sealed(JsonObject json) {
    json.addProperty(CHECKSUM, checksum(json));
    return PRETTY.toJson(json);
  }

  private static String checksum(JsonObject json) {
    CRC32C crc = new CRC32C();
    crc.update(COMPACT.toJson(json).getBytes(StandardCharsets.UTF_8));
    return hex(crc);
  }

  private static String hex(CRC32C crc) {
    return HexFormat.of().toHexDigits((int) crc.getValue());
  }

  /**
   * Reads the manifest of a checkpoint's folder.
   *
   * @throws IllegalArgumentException if it is not as it was written
   * @throws EngineException if it is, but by a flowloop that writes checkpoints in another form
   */
  static CheckpointManifest read(Path folder) throws IOException {
    // Torn characters become others, which the checksum notices.
    String text = new String(Files.readAllBytes(folder.resolve(NAME)), StandardCharsets.UTF_8);
    JsonObject json = parse(text);
    JsonElement written = json.remove(CHECKSUM);
    String checksum = checksum(json);
    if (!new JsonPrimitive(checksum).equals(written)) {
      throw new IllegalArgumentException(
          "%s: checksum %s (expected: %s)".formatted(NAME, written, checksum));
    }
    JsonElement schema = json.get(SCHEMA_VERSION);
    if (!new JsonPrimitive(SCHEMA).equals(schema)) {
      throw new EngineException(
          "%s: %s %s (expected: %d); it was written by another version of flowloop, use that one"
              .formatted(folder, SCHEMA_VERSION, schema, SCHEMA));
    }
    return of(json);
  }

  private static JsonObject parse(String text) {
    try {
      return Optional.ofNullable(COMPACT.fromJson(text, JsonObject.class))
          .orElseThrow(() -> new IllegalArgumentException(NAME + ": empty (expected: JSON)"));
    } catch (JsonParseException e) {
      throw new IllegalArgumentException(
          "%s: not whole (expected: JSON; %s)".formatted(NAME, e.getMessage()), e);
    }
  }

  private static CheckpointManifest of(JsonObject json) {
    return new CheckpointManifest(
        json.get("step").getAsInt(),
        json.get("position").getAsLong(),
        Optional.ofNullable(json.get("best"))
            .map(best -> COMPACT.fromJson(best, Checkpoint.Best.class)),
        entries(json, "fingerprint", String.class),
        new Counts(
            json.get("version").getAsLong(),
            json.get("optimizer_steps").getAsInt(),
            HexFormat.fromHexDigitsToLong(json.get("base").getAsString())),
        new TreeMap<>(entries(json, "files", Content.class)));
  }

  private static <T> SequencedMap<String, T> entries(JsonObject json, String key, Class<T> type) {
    SequencedMap<String, T> entries = new LinkedHashMap<>();
    json.getAsJsonObject(key)
        .asMap()
        .forEach((name, value) -> entries.put(name, COMPACT.fromJson(value, type)));
    return entries;
  }

  /**
   * Checks a file against what the manifest says of it.
   *
   * @throws IllegalArgumentException if it is missing or not as it was written
   */
  void check(Path folder, String name) throws IOException {
    Content expected =
        Optional.ofNullable(files.get(name))
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "%s: not in %s (expected: one of %s)"
                            .formatted(name, NAME, files.keySet())));
    Content found = content(folder.resolve(name));
    if (found.bytes != expected.bytes) {
      throw new IllegalArgumentException(
          "%s: %d bytes (expected: %d)".formatted(name, found.bytes, expected.bytes));
    }
    if (!found.equals(expected)) {
      throw new IllegalArgumentException(
          "%s: checksum %s (expected: %s)".formatted(name, found.crc, expected.crc));
    }
  }

  private static Content content(Path file) throws IOException {
    try {
      return Content.of(file);
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException(file.getFileName() + ": missing", e);
    }
  }
}
