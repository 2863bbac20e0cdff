package io.flowloop.rollout;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Bytes that the side channel moves, of any number, in heap chunks. A chunk is what a TLS socket
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
