package io.flowloop.engine;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;

/**
 * Named tensors on their way into a safetensors file.
 *
 * <p>The bytes of the file depend on what was added and not on the order: metadata by key, then
 * tensors by size of dtype, the widest first so that all are aligned, and name. Arrays are not
 * copied before {@link #write}.
 */
public final class SafetensorsWriter {

  /** A tensor and what puts its element of an index into the buffer. */
  private record Source(SafetensorsTensor tensor, ElementWriter elements) {}

  private interface ElementWriter {
    void put(ByteBuffer buffer, int index);
  }

  private static final int ALIGNMENT = Long.BYTES;
  private static final int BUFFER_BYTES = 1 << 20;

  /** Half of the last bit that a bfloat16 keeps, less one; and the bit that keeps a NaN one. */
  private static final int HALF_BELOW = 0x7FFF;

  private static final int QUIET_NAN = 0x0040;

  private final SortedMap<String, String> metadata = new TreeMap<>();
  private final SortedMap<String, Source> sources = new TreeMap<>();

  /** Adds a free text entry, in place of an earlier one of the same key. */
  public SafetensorsWriter metadata(String key, String value) {
    metadata.put(key, value);
    return this;
  }

  /** Adds an F32 tensor. */
  public SafetensorsWriter floats(String name, List<Long> shape, float[] values) {
    return floats(name, SafetensorsDtype.F32, shape, values);
  }

  /**
   * Adds an F32, F16 or BF16 tensor, rounded to the nearest number of that dtype, ties to even.
   *
   * @throws IllegalArgumentException if the name is taken, the shape is not that of the values or
   *     the dtype is another
   */
  public SafetensorsWriter floats(
      String name, SafetensorsDtype dtype, List<Long> shape, float[] values) {
    ElementWriter elements =
        switch (dtype) {
          case F32 -> (buffer, i) -> buffer.putFloat(values[i]);
          case F16 -> (buffer, i) -> buffer.putShort(Float.floatToFloat16(values[i]));
          case BF16 -> (buffer, i) -> buffer.putShort(bfloat16(values[i]));
          default ->
              throw new IllegalArgumentException(
                  "dtype: %s of tensor %s (expected: F32, F16 or BF16)".formatted(dtype, name));
        };
    return add(new SafetensorsTensor(name, dtype, shape), values.length, elements);
  }

  /**
   * Adds an I64 tensor.
   *
   * @throws IllegalArgumentException if the name is taken or the shape is not that of the values
   */
  public SafetensorsWriter longs(String name, List<Long> shape, long[] values) {
    return add(
        new SafetensorsTensor(name, SafetensorsDtype.I64, shape),
        values.length,
        (buffer, i) -> buffer.putLong(values[i]));
  }

  /**
   * Adds a U8 tensor.
   *
   * @throws IllegalArgumentException if the name is taken or the shape is not that of the values
   */
  public SafetensorsWriter bytes(String name, List<Long> shape, byte[] values) {
    return add(
        new SafetensorsTensor(name, SafetensorsDtype.U8, shape),
        values.length,
        (buffer, i) -> buffer.put(values[i]));
  }

  /**
   * Writes the file. It appears at {@code target} complete and on the disk, or not at all: it is
   * written beside it and renamed.
   *
   * @throws IOException if it cannot be written; an earlier file at {@code target} is then
   *     untouched
   */
  public void write(Path target) throws IOException {
    Path temporary =
        target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID() + ".tmp");
    try {
      try (FileChannel channel =
          FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        writeTo(channel);
        channel.force(true);
      }
      Files.move(
          temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(temporary);
    }
    syncFolder(target.toAbsolutePath().resolveSibling(""));
  }

  private SafetensorsWriter add(SafetensorsTensor tensor, int length, ElementWriter elements) {
    String name = tensor.name();
    if (tensor.elements() != length) {
      throw new IllegalArgumentException(
          "values: %d for tensor %s (expected: %d for shape %s)"
              .formatted(length, name, tensor.elements(), tensor.shape()));
    }
    if (name.equals(SafetensorsHeader.METADATA)
        || sources.putIfAbsent(name, new Source(tensor, elements)) != null) {
      throw new IllegalArgumentException("tensor: %s (expected: a new name)".formatted(name));
    }
    return this;
  }

  private void writeTo(FileChannel channel) throws IOException {
    List<Source> ordered = new ArrayList<>(sources.values());
    // The sort is stable, so tensors of one width stay in the order of their names.
    ordered.sort(Comparator.comparingInt(source -> -source.tensor.dtype().bytes()));
    byte[] header = header(ordered);
    drain(buffer(Long.BYTES + header.length).putLong(header.length).put(header), channel);
    ByteBuffer buffer = buffer(BUFFER_BYTES);
    for (Source source : ordered) {
      int elements = (int) source.tensor.elements();
      for (int i = 0; i < elements; i++) {
        if (buffer.remaining() < Long.BYTES) {
          drain(buffer, channel);
        }
        source.elements.put(buffer, i);
      }
    }
    drain(buffer, channel);
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Writes what was put into the buffer and empties it. */
  private static void drain(ByteBuffer buffer, FileChannel channel) throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
    buffer.clear();
  }

  /** The header's JSON, padded with spaces so that the data starts aligned. */
  private byte[] header(List<Source> ordered) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonWriter json = new JsonWriter(text)) {
      json.setHtmlSafe(false);
      json.beginObject();
      if (!metadata.isEmpty()) {
        json.name(SafetensorsHeader.METADATA).beginObject();
        for (Map.Entry<String, String> entry : metadata.entrySet()) {
          json.name(entry.getKey()).value(entry.getValue());
        }
        json.endObject();
      }
      long offset = 0;
      for (Source source : ordered) {
        offset = describe(source.tensor, offset, json);
      }
      json.endObject();
    }
    byte[] unpadded = text.toString().getBytes(StandardCharsets.UTF_8);
    byte[] padded = Arrays.copyOf(unpadded, Math.ceilDiv(unpadded.length, ALIGNMENT) * ALIGNMENT);
    Arrays.fill(padded, unpadded.length, padded.length, (byte) ' ');
    return padded;
  }

  private static long describe(SafetensorsTensor tensor, long offset, JsonWriter json)
      throws IOException {
    long end = offset + tensor.bytes();
    json.name(tensor.name()).beginObject();
    json.name("dtype").value(tensor.dtype().name());
    json.name("shape").beginArray();
    for (long dimension : tensor.shape()) {
      json.value(dimension);
    }
    json.endArray();
    json.name("data_offsets").beginArray().value(offset).value(end).endArray();
    json.endObject();
    return end;
  }

  /** Makes the rename outlive a crash of the machine. */
  private static void syncFolder(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (AccessDeniedException e) {
      // Windows opens no folders.
    }
  }

  private static short bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | QUIET_NAN);
    }
    int tiesToEven = HALF_BELOW + ((bits >>> 16) & 1);
    return (short) ((bits + tiesToEven) >>> 16);
  }
}
