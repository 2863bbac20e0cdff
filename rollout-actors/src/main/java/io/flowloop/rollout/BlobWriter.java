package io.flowloop.rollout;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Writes a {@link Blob}, little-endian. Everything is padded to four bytes, so that no number lies
 * across two chunks.
 */
final class BlobWriter {

  private final List<byte[]> chunks = new ArrayList<>();
  private ByteBuffer chunk = ByteBuffer.allocate(0);

  void putInt(int value) {
    room().putInt(value);
  }

  void putLong(long value) {
    putInt((int) value);
    putInt((int) (value >>> Integer.SIZE));
  }

  /** The length and the numbers, bit for bit. */
  void putFloats(float[] values) {
    putInt(values.length);
    int done = 0;
    while (done < values.length) {
      ByteBuffer room = room();
      int count = Math.min(values.length - done, room.remaining() / Float.BYTES);
      room.asFloatBuffer().put(values, done, count);
      room.position(room.position() + count * Float.BYTES);
      done += count;
    }
  }

  /** The length and the bytes. */
  void putBytes(byte[] bytes) {
    putInt(bytes.length);
    int done = 0;
    while (done < bytes.length) {
      ByteBuffer room = room();
      int count = Math.min(bytes.length - done, room.remaining());
      room.put(bytes, done, count);
      done += count;
    }
    for (int i = bytes.length; i % Integer.BYTES != 0; i++) {
      room().put((byte) 0);
    }
  }

  /** The length and the bytes, in UTF-8. */
  void putText(String text) {
    putBytes(text.getBytes(StandardCharsets.UTF_8));
  }

  /** What was written, once all is. */
  Blob blob() {
    if (chunk.hasRemaining()) {
      // A blob may be a few bytes: it is held, and counted, without the rest of its chunk.
      chunks.set(chunks.size() - 1, Arrays.copyOf(chunk.array(), chunk.position()));
    }
    return Blob.of(chunks);
  }

  private ByteBuffer room() {
    if (!chunk.hasRemaining()) {
      byte[] bytes = new byte[Blob.CHUNK];
      chunks.add(bytes);
      chunk = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
    return chunk;
  }
}
