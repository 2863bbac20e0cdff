package io.flowloop.engine;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The step from the JSON of a safetensors header to its entries. What is wrong with an entry is an
 * {@link IllegalArgumentException}; what is no JSON of this form is the reader's exception.
 *
 * @param dataStart byte of the file that the header's offsets count from
 */
record SafetensorsHeaderParser(long dataStart) {

  SafetensorsHeader parse(String json) throws IOException {
    Map<String, String> metadata = new TreeMap<>();
    Map<String, SafetensorsHeader.Entry> entries = new TreeMap<>();
    boolean metadataSeen = false;
    try (JsonReader reader = new JsonReader(new StringReader(json))) {
      reader.setStrictness(Strictness.STRICT);
      reader.beginObject();
      while (reader.hasNext()) {
        String name = reader.nextName();
        if (!name.equals(SafetensorsHeader.METADATA)) {
          putNew(entries, name, entry(name, reader));
        } else {
          checkOnce(name, metadataSeen);
          metadataSeen = true;
          readMetadata(reader, metadata);
        }
      }
      reader.endObject();
      expect(reader, JsonToken.END_DOCUMENT, "header");
    }
    return new SafetensorsHeader(metadata, entries);
  }

  private static void readMetadata(JsonReader reader, Map<String, String> metadata)
      throws IOException {
    reader.beginObject();
    while (reader.hasNext()) {
      String key = reader.nextName();
      expect(reader, JsonToken.STRING, SafetensorsHeader.METADATA + "." + key);
      putNew(metadata, key, reader.nextString());
    }
    reader.endObject();
  }

  private SafetensorsHeader.Entry entry(String name, JsonReader reader) throws IOException {
    Optional<SafetensorsDtype> dtype = Optional.empty();
    Optional<List<Long>> shape = Optional.empty();
    Optional<List<Long>> offsets = Optional.empty();
    reader.beginObject();
    while (reader.hasNext()) {
      String key = reader.nextName();
      String what = key + " of tensor " + name;
      switch (key) {
        case "dtype" -> {
          checkOnce(what, dtype.isPresent());
          dtype = Optional.of(dtype(what, reader));
        }
        case "shape" -> {
          checkOnce(what, shape.isPresent());
          shape = Optional.of(longs(what, reader));
        }
        case "data_offsets" -> {
          checkOnce(what, offsets.isPresent());
          offsets = Optional.of(longs(what, reader));
        }
        default -> reader.skipValue();
      }
    }
    reader.endObject();
    if (dtype.isEmpty() || shape.isEmpty() || offsets.isEmpty()) {
      throw new IllegalArgumentException(
          "tensor: %s (expected: with dtype, shape and data_offsets)".formatted(name));
    }
    return locate(new SafetensorsTensor(name, dtype.get(), shape.get()), offsets.get());
  }

  private SafetensorsHeader.Entry locate(SafetensorsTensor tensor, List<Long> offsets) {
    long begin = offsets.size() == 2 ? offsets.get(0) : -1;
    long end = offsets.size() == 2 ? offsets.get(1) : -1;
    if (begin < 0 || end < begin || end > Long.MAX_VALUE - dataStart) {
      throw new IllegalArgumentException(
          "data_offsets: %s of tensor %s (expected: [begin, end])"
              .formatted(offsets, tensor.name()));
    }
    if (end - begin != tensor.bytes()) {
      throw new IllegalArgumentException(
          "data_offsets: %s of tensor %s, %d bytes (expected: %d for %s %s)"
              .formatted(
                  offsets,
                  tensor.name(),
                  end - begin,
                  tensor.bytes(),
                  tensor.dtype(),
                  tensor.shape()));
    }
    return new SafetensorsHeader.Entry(tensor, dataStart + begin, dataStart + end);
  }

  private static SafetensorsDtype dtype(String what, JsonReader reader) throws IOException {
    expect(reader, JsonToken.STRING, what);
    String name = reader.nextString();
    for (SafetensorsDtype dtype : SafetensorsDtype.values()) {
      if (dtype.name().equals(name)) {
        return dtype;
      }
    }
    throw new IllegalArgumentException(
        "%s: %s (expected: one of %s)".formatted(what, name, List.of(SafetensorsDtype.values())));
  }

  private static List<Long> longs(String what, JsonReader reader) throws IOException {
    List<Long> longs = new ArrayList<>();
    expect(reader, JsonToken.BEGIN_ARRAY, what);
    reader.beginArray();
    while (reader.hasNext()) {
      expect(reader, JsonToken.NUMBER, what);
      longs.add(reader.nextLong());
    }
    reader.endArray();
    return longs;
  }

  private static void expect(JsonReader reader, JsonToken token, String what) throws IOException {
    if (reader.peek() != token) {
      throw new IllegalArgumentException(
          "%s: %s (expected: %s)".formatted(what, reader.peek(), token));
    }
  }

  private static <T> void putNew(Map<String, T> map, String key, T value) {
    checkOnce(key, map.putIfAbsent(key, value) != null);
  }

  private static void checkOnce(String what, boolean seen) {
    if (seen) {
      throw new IllegalArgumentException(what + ": given twice (expected: once)");
    }
  }
}
