package io.flowloop.rollout;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.function.Function;

/** Reads what a {@link BlobWriter} wrote, and believes no length that the rest cannot hold. */
final class BlobReader {

  private final Blob blob;
  private int next;
  private long before;
  private ByteBuffer chunk = ByteBuffer.allocate(0);

  private BlobReader(Blob blob) {
    this.blob = blob;
  }

  /**
   * What {@code reading} makes of the whole blob.
   *
   * @throws DataException (malformed) for whatever is wrong with it, a rest included
   */
  static <T> T read(Blob blob, String what, Function<BlobReader, T> reading) {
    try {
      BlobReader reader = new BlobReader(blob);
      T value = reading.apply(reader);
      if (reader.remaining() > 0) {
        throw new IllegalArgumentException(reader.remaining() + " bytes remain (expected: none)");
      }
      return value;
    } catch (RuntimeException e) {
      throw new DataException(
          DataException.Reason.MALFORMED, "blob of " + what + ": " + e.getMessage(), e);
    }
  }

  /** Bytes not read yet. */
  long remaining() {
    return blob.length() - before - chunk.position();
  }

  int readInt() {
    requireLength(1, Integer.BYTES);
    return room().getInt();
  }

  long readLong() {
    long low = Integer.toUnsignedLong(readInt());
    return (long) readInt() << Integer.SIZE | low;
  }

  /** An int that must be this. */
  void expect(String name, int expected) {
    int found = readInt();
    if (found != expected) {
      throw new IllegalArgumentException(
          "%s: %08x (expected: %08x)".formatted(name, found, expected));
    }
  }

  /**
   * A declared number of elements.
   *
   * @param bytesEach the fewest that an element takes
   */
  int readLength(int bytesEach) {
    return requireLength(readInt(), bytesEach);
  }

  float[] readFloats() {
    float[] values = new float[readLength(Float.BYTES)];
    int done = 0;
    while (done < values.length) {
      ByteBuffer room = room();
      int count = Math.min(values.length - done, room.remaining() / Float.BYTES);
      room.asFloatBuffer().get(values, done, count);
      room.position(room.position() + count * Float.BYTES);
      done += count;
    }
    return values;
  }

  byte[] readBytes() {
    byte[] bytes = new byte[readLength(1)];
    int done = 0;
    while (done < bytes.length) {
      ByteBuffer room = room();
      int count = Math.min(bytes.length - done, room.remaining());
      room.get(bytes, done, count);
      done += count;
    }
    for (int i = bytes.length; i % Integer.BYTES != 0; i++) {
      requireLength(1, 1);
      if (room().get() != 0) {
        throw new IllegalArgumentException("padding (expected: zeros)");
      }
    }
    return bytes;
  }

  /** UTF-8, which is refused, not repaired, where it is none. */
  String readText() {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(readBytes())).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("name: no UTF-8 (expected: UTF-8)", e);
    }
  }

  private int requireLength(int length, int bytesEach) {
    if (length < 0 || (long) length * bytesEach > remaining()) {
      throw new IllegalArgumentException(
          "declared length: %s (expected: at most %d, for %d bytes that remain)"
              .formatted(Integer.toUnsignedString(length), remaining() / bytesEach, remaining()));
    }
    return length;
  }

  private ByteBuffer room() {
    if (!chunk.hasRemaining()) {
      before += chunk.limit();
      chunk = ByteBuffer.wrap(blob.chunk(next++)).order(ByteOrder.LITTLE_ENDIAN);
    }
    return chunk;
  }
}
