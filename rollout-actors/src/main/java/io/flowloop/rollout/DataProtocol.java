package io.flowloop.rollout;

import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * What goes over a side channel's connection, big-endian. Each of its two headers ends with the
 * CRC-32C of what stands before.
 *
 * <pre>
 * request   magic · version · id · offset · length · CRC-32C
 * response  magic · found (1) or not (0) · bytes that follow · CRC-32C
 * </pre>
 */
final class DataProtocol {

  private static final int REQUEST_MAGIC = 0x464C5251;
  private static final int RESPONSE_MAGIC = 0x464C5253;
  private static final int VERSION = 1;
  private static final int UNKNOWN = 0;
  private static final int FOUND = 1;
  static final int REQUEST_BYTES = 36;
  static final int RESPONSE_BYTES = 20;

  /**
   * Asks for the bytes of a blob from {@code offset} on.
   *
   * @param length of the whole blob
   */
  record Request(long id, long offset, long length) {}

  /**
   * What stands before the bytes.
   *
   * @param found whether the blob is there
   * @param bytes that follow; none if it is not
   */
  record Response(boolean found, long bytes) {}

  static byte[] encode(Request request) {
    byte[] bytes = new byte[REQUEST_BYTES];
    ByteBuffer.wrap(bytes)
        .putInt(REQUEST_MAGIC)
        .putInt(VERSION)
        .putLong(request.id())
        .putLong(request.offset())
        .putLong(request.length());
    return sealed(bytes);
  }

  static byte[] encode(Response response) {
    byte[] bytes = new byte[RESPONSE_BYTES];
    ByteBuffer.wrap(bytes)
        .putInt(RESPONSE_MAGIC)
        .putInt(response.found() ? FOUND : UNKNOWN)
        .putLong(response.bytes());
    return sealed(bytes);
  }

  /** The next request; empty where the peer has closed the connection. */
  static Optional<Request> readRequest(DataInputStream in) throws IOException {
    byte[] bytes = in.readNBytes(REQUEST_BYTES);
    if (bytes.length == 0) {
      return Optional.empty();
    }
    ByteBuffer buffer = opened(bytes, REQUEST_BYTES, "request");
    if (buffer.getInt() != REQUEST_MAGIC || buffer.getInt() != VERSION) {
      throw new IOException("request (expected: a flowloop pull, version " + VERSION + ")");
    }
    Request request = new Request(buffer.getLong(), buffer.getLong(), buffer.getLong());
    if (request.id() < 1 || request.offset() < 0 || request.length() <= request.offset()) {
      throw new IOException("request: " + request + " (expected: an offset within the length)");
    }
    return Optional.of(request);
  }

  static Response readResponse(DataInputStream in) throws IOException {
    ByteBuffer buffer = opened(in.readNBytes(RESPONSE_BYTES), RESPONSE_BYTES, "response");
    int magic = buffer.getInt();
    int status = buffer.getInt();
    if (magic != RESPONSE_MAGIC || (status != FOUND && status != UNKNOWN)) {
      throw new IOException("response (expected: that of a flowloop data server)");
    }
    return new Response(status == FOUND, buffer.getLong());
  }

  private static byte[] sealed(byte[] bytes) {
    int end = bytes.length - Integer.BYTES;
    ByteBuffer.wrap(bytes).putInt(end, checksum(bytes, end));
    return bytes;
  }

  private static ByteBuffer opened(byte[] bytes, int length, String what) throws IOException {
    if (bytes.length != length) {
      throw new IOException("%s: %d bytes (expected: %d)".formatted(what, bytes.length, length));
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    if (buffer.getInt(length - Integer.BYTES) != checksum(bytes, length - Integer.BYTES)) {
      throw new IOException(what + ": wrong checksum");
    }
    return buffer;
  }

  private static int checksum(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return (int) crc.getValue();
  }

  private DataProtocol() {}
}
