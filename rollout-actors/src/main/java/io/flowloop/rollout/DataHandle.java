package io.flowloop.rollout;

/**
 * Where a published blob is to be had, and how it is known to be whole. Part of the wire.
 *
 * @param host name or address of its {@link DataServer}, as in that node's certificate
 * @param port of the server
 * @param id of the blob there
 * @param length bytes
 * @param crc32c CRC-32C of the bytes, unsigned
 */
public record DataHandle(String host, int port, long id, long length, long crc32c) {

  private static final int LONGEST_HOST = 253;
  private static final int HIGHEST_PORT = 65_535;

  /**
   * @throws IllegalArgumentException if one of them is impossible
   */
  public DataHandle {
    if (host.isBlank() || host.length() > LONGEST_HOST) {
      throw new IllegalArgumentException(
          "host: %d characters (expected: 1 to %d)".formatted(host.length(), LONGEST_HOST));
    }
    if (port < 1 || port > HIGHEST_PORT) {
      throw new IllegalArgumentException("port: " + port + " (expected: 1 to 65535)");
    }
    if (id < 1 || length < 1) {
      throw new IllegalArgumentException(
          "blob: id %d, %d bytes (expected: both 1 or more)".formatted(id, length));
    }
    if (crc32c != Integer.toUnsignedLong((int) crc32c)) {
      throw new IllegalArgumentException("crc32c: " + crc32c + " (expected: 0 to 2^32 - 1)");
    }
  }
}
