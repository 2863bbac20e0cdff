package io.flowloop.engine;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * The checked header of one safetensors file: 8 bytes of length, little-endian, then that many
 * bytes of JSON, then the tensors' data, which fills the rest without gap or overlap.
 *
 * @param metadata the free text entries
 * @param entries the tensors by name
 */
record SafetensorsHeader(Map<String, String> metadata, Map<String, Entry> entries) {

  /** A tensor and the bytes of the file that hold it, {@code [begin, end)}. */
  record Entry(SafetensorsTensor tensor, long begin, long end) {}

  /** The key of the JSON that is no tensor. */
  static final String METADATA = "__metadata__";

  private static final int PREFIX = Long.BYTES;

  /** The format's own limit; what is larger is not a header. */
  private static final long MAX_BYTES = 100_000_000;

  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /**
   * Reads and checks the header of a whole file.
   *
   * @param origin what errors call the file
   * @throws EngineException if the file is not a complete and consistent safetensors file
   */
  static SafetensorsHeader read(String origin, MemorySegment file) {
    try {
      long dataStart = PREFIX + length(file);
      String json =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(file.asSlice(PREFIX, dataStart - PREFIX).asByteBuffer())
              .toString();
      SafetensorsHeader header = new SafetensorsHeaderParser(dataStart).parse(json);
      header.checkLayout(dataStart, file.byteSize());
      return header;
    } catch (IOException | IllegalStateException | IllegalArgumentException e) {
      throw new EngineException(
          "%s is not a whole safetensors file: %s".formatted(origin, e.getMessage()), e);
    }
  }

  private static long length(MemorySegment file) {
    if (file.byteSize() < PREFIX) {
      throw new IllegalArgumentException(
          "size: %d bytes (expected: at least %d)".formatted(file.byteSize(), PREFIX));
    }
    long length = file.get(LENGTH, 0);
    long limit = Math.min(file.byteSize() - PREFIX, MAX_BYTES);
    if (length < 0 || length > limit) {
      throw new IllegalArgumentException(
          "header length: %s bytes (expected: at most %d, for a file of %d)"
              .formatted(Long.toUnsignedString(length), limit, file.byteSize()));
    }
    return length;
  }

  /** In the order of their data, the tensors must tile it from its start to its end. */
  private void checkLayout(long dataStart, long fileSize) {
    List<Entry> ordered = new ArrayList<>(entries.values());
    ordered.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    long at = dataStart;
    for (Entry entry : ordered) {
      if (entry.begin != at) {
        throw new IllegalArgumentException(
            "data_offsets: tensor %s starts at byte %d of the data (expected: %d, %s)"
                .formatted(
                    entry.tensor.name(),
                    entry.begin - dataStart,
                    at - dataStart,
                    entry.begin < at
                        ? "for it overlaps another tensor"
                        : "for no tensor is between"));
      }
      at = entry.end;
    }
    if (at != fileSize) {
      throw new IllegalArgumentException(
          "data: %d bytes (expected: the %d that the header describes)"
              .formatted(fileSize - dataStart, at - dataStart));
    }
  }
}
