package io.flowloop.agentloop.track;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Reads event files strictly, bit by bit, with nothing of what writes them. */
final class EventFileReader {

  /** Reversed polynomial of CRC-32C. */
  private static final int POLYNOMIAL = 0x82F63B78;

  private EventFileReader() {}

  /**
   * A field of a message.
   *
   * @param bits the value, if it is a number
   * @param bytes the content, if it has a length
   */
  record Field(int number, int wireType, long bits, byte[] bytes) {

    String text() {
      return new String(bytes, StandardCharsets.UTF_8);
    }

    List<Field> fields() {
      return EventFileReader.fields(bytes);
    }
  }

  /** The messages of a file. */
  static List<List<Field>> read(Path file) throws IOException {
    ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    List<List<Field>> events = new ArrayList<>();
    while (in.hasRemaining()) {
      byte[] length = bytes(in, 8);
      assertThat(in.getInt()).as("checksum of a length").isEqualTo(masked(length));
      byte[] data =
          bytes(in, (int) ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong());
      assertThat(in.getInt()).as("checksum of data").isEqualTo(masked(data));
      events.add(fields(data));
    }
    return events;
  }

  private static byte[] bytes(ByteBuffer in, int count) {
    byte[] bytes = new byte[count];
    in.get(bytes);
    return bytes;
  }

  private static int masked(byte[] bytes) {
    int crc = -1;
    for (byte b : bytes) {
      crc ^= Byte.toUnsignedInt(b);
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc & 1) == 0 ? crc >>> 1 : crc >>> 1 ^ POLYNOMIAL;
      }
    }
    crc = ~crc;
    return ((crc >>> 15) | (crc << 17)) + 0xA282EAD8;
  }

  private static List<Field> fields(byte[] message) {
    ByteBuffer in = ByteBuffer.wrap(message).order(ByteOrder.LITTLE_ENDIAN);
    List<Field> fields = new ArrayList<>();
    while (in.hasRemaining()) {
      long key = varint(in);
      int number = (int) (key >>> 3);
      int wireType = (int) (key & 7);
      fields.add(
          switch (wireType) {
            case 0 -> new Field(number, wireType, varint(in), new byte[0]);
            case 1 -> new Field(number, wireType, in.getLong(), new byte[0]);
            case 2 -> new Field(number, wireType, 0, bytes(in, (int) varint(in)));
            case 5 -> new Field(number, wireType, in.getInt(), new byte[0]);
            default -> throw new AssertionError("wire type " + wireType);
          });
    }
    return fields;
  }

  private static long varint(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      byte b = in.get();
      value |= (long) (b & 0x7F) << shift;
      if (b >= 0) {
        return value;
      }
    }
  }
}
