package io.flowloop.engine;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * The {@code *.index.json} of a model stored in several safetensors files, as Hugging Face lays it
 * out.
 *
 * @param metadata its scalar entries, as text
 * @param shards the file that holds each tensor
 */
record SafetensorsIndex(Map<String, String> metadata, Map<String, Path> shards) {

  private static final long MAX_BYTES = 100_000_000;

  /**
   * Reads an index file.
   *
   * @throws EngineException if it cannot be read, is no index, or names a file outside its folder;
   *     whether those inside are there is for the reader of the model to say
   */
  static SafetensorsIndex read(Path file) {
    try {
      long size = Files.size(file);
      if (size > MAX_BYTES) {
        throw new IllegalArgumentException(
            "size: %d bytes (expected: at most %d)".formatted(size, MAX_BYTES));
      }
      try (JsonReader reader = new JsonReader(Files.newBufferedReader(file))) {
        reader.setStrictness(Strictness.STRICT);
        return read(file, reader);
      }
    } catch (MalformedJsonException | IllegalStateException | IllegalArgumentException e) {
      throw new EngineException(
          "%s is not a safetensors index: %s".formatted(file, e.getMessage()), e);
    } catch (IOException e) {
      throw new EngineException("%s cannot be read: %s".formatted(file, e), e);
    }
  }

  private static SafetensorsIndex read(Path file, JsonReader reader) throws IOException {
    Map<String, String> metadata = new TreeMap<>();
    Map<String, Path> shards = new TreeMap<>();
    reader.beginObject();
    while (reader.hasNext()) {
      switch (reader.nextName()) {
        case "metadata" -> readMetadata(reader, metadata);
        case "weight_map" -> readShards(file, reader, shards);
        default -> reader.skipValue();
      }
    }
    reader.endObject();
    if (shards.isEmpty()) {
      throw new IllegalArgumentException("weight_map: {} (expected: at least one tensor)");
    }
    return new SafetensorsIndex(metadata, shards);
  }

  private static void readMetadata(JsonReader reader, Map<String, String> metadata)
      throws IOException {
    reader.beginObject();
    while (reader.hasNext()) {
      String key = reader.nextName();
      if (reader.peek() == JsonToken.STRING || reader.peek() == JsonToken.NUMBER) {
        metadata.put(key, reader.nextString());
      } else {
        reader.skipValue();
      }
    }
    reader.endObject();
  }

  private static void readShards(Path file, JsonReader reader, Map<String, Path> shards)
      throws IOException {
    reader.beginObject();
    while (reader.hasNext()) {
      String tensor = reader.nextName();
      if (shards.put(tensor, shard(file, tensor, reader.nextString())) != null) {
        throw new IllegalArgumentException(
            "weight_map: %s given twice (expected: once)".formatted(tensor));
      }
    }
    reader.endObject();
  }

  private static Path shard(Path file, String tensor, String name) {
    Path folder = file.toAbsolutePath().normalize().resolveSibling("");
    Path shard = folder.resolve(name).normalize();
    if (!shard.startsWith(folder) || shard.equals(folder)) {
      throw new IllegalArgumentException(notInFolder(tensor, name));
    }
    return shard;
  }

  /** What is wrong with an entry whose file is not there. */
  static String notInFolder(String tensor, String name) {
    return "weight_map.%s: %s (expected: a file in the folder of the index)"
        .formatted(tensor, name);
  }
}
