package io.flowloop.rollout;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.CRC32C;

/** Bytes changed at random: bits, bytes, whole numbers, ends. */
final class Mutation {

  private static final int[] NUMBERS = {0, -1, 1, Integer.MAX_VALUE, Integer.MIN_VALUE, 1 << 24};

  static byte[] of(byte[] original, Random random) {
    byte[] bytes =
        switch (random.nextInt(4)) {
          case 0 -> Arrays.copyOf(original, random.nextInt(original.length));
          case 1 -> Arrays.copyOf(original, original.length + 1 + random.nextInt(16));
          default -> original.clone();
        };
    for (int i = random.nextInt(4); i >= 0 && bytes.length > 0; i--) {
      change(bytes, random);
    }
    return bytes;
  }

  /**
   * Bytes with the CRC-32C of the first {@code length} made right again behind these, so that
   * whoever compares it gets to see the rest; as they are if they end before.
   */
  static byte[] resealed(byte[] bytes, int length) {
    return bytes.length < length + Integer.BYTES
        ? bytes
        : ByteBuffer.wrap(bytes.clone()).putInt(length, crc32c(bytes, length)).array();
  }

  static int crc32c(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return (int) crc.getValue();
  }

  private static void change(byte[] bytes, Random random) {
    int at = random.nextInt(bytes.length);
    switch (random.nextInt(3)) {
      case 0 -> bytes[at] = (byte) (bytes[at] ^ (1 << random.nextInt(8)));
      case 1 -> bytes[at] = (byte) random.nextInt();
      default -> {
        int number = NUMBERS[random.nextInt(NUMBERS.length)];
        for (int i = at & ~3; i < Math.min(bytes.length, (at & ~3) + 4); i++) {
          bytes[i] = (byte) (number >>> (8 * (i & 3)));
        }
      }
    }
  }

  private Mutation() {}
}
