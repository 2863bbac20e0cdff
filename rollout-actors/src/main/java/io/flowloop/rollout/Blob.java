package io.flowloop.rollout;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Bytes that are moved and kept as one, of any number, in heap chunks. A chunk is what a TLS socket
 * takes without a copy of ours, and too small to be an object that the collector treats apart.
 */
public final class Blob {

  /** Bytes of every chunk but the last, which has what is left. */
  static final int CHUNK = 256 << 10;

  private final List<byte[]> chunks;
  private final long length;
  private final long crc32c;

  private Blob(List<byte[]> chunks, long length, long crc32c) {
    this.chunks = List.copyOf(chunks);
    this.length = length;
    this.crc32c = crc32c;
  }

  /** A copy of these bytes. */
  static Blob copyOf(byte[] bytes) {
    List<byte[]> chunks = new ArrayList<>();
    for (int from = 0; from < bytes.length; from += CHUNK) {
      chunks.add(Arrays.copyOfRange(bytes, from, Math.min(from + CHUNK, bytes.length)));
    }
    return of(chunks);
  }

  /** These chunks, which are not copied. */
  static Blob of(List<byte[]> chunks) {
    CRC32C crc = new CRC32C();
    long length = 0;
    for (byte[] chunk : chunks) {
      crc.update(chunk);
      length += chunk.length;
    }
    return new Blob(chunks, length, crc.getValue());
  }

  /** Chunks whose checksum was taken while they came. */
  static Blob received(List<byte[]> chunks, long length, long crc32c) {
    return new Blob(chunks, length, crc32c);
  }

  /**
   * The next bytes of a channel, of which no more than these are read.
   *
   * @throws EOFException if it ends before
   */
  public static Blob readFrom(ReadableByteChannel channel, long length) throws IOException {
    List<byte[]> chunks = new ArrayList<>();
    for (long left = length; left > 0; left -= CHUNK) {
      byte[] chunk = new byte[(int) Math.min(CHUNK, left)];
      ByteBuffer room = ByteBuffer.wrap(chunk);
      while (room.hasRemaining()) {
        if (channel.read(room) < 0) {
          throw new EOFException(
              "%d bytes of a blob (expected: %d)".formatted(length - left, length));
        }
      }
      chunks.add(chunk);
    }
    return of(chunks);
  }

  /** Writes its bytes. */
  public void writeTo(WritableByteChannel channel) throws IOException {
    for (byte[] chunk : chunks) {
      ByteBuffer bytes = ByteBuffer.wrap(chunk);
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    }
  }

  /** Its bytes, and hardly less than what it takes of the heap. */
  public long length() {
    return length;
  }

  /** CRC-32C of the bytes, unsigned. */
  public long crc32c() {
    return crc32c;
  }

  byte[] chunk(int index) {
    return chunks.get(index);
  }
}
