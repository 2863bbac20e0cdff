package io.flowloop.agentloop.track;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/**
 * The framing of TensorFlow's record files: the length of the data, its checksum, the data, its
 * checksum.
 */
final class TfRecord {

  /** Bytes beside the data. */
  private static final int FRAME = Long.BYTES + 2 * Integer.BYTES;

  private static final int MASK = 0xA282EAD8;
  private static final int MASK_ROTATION = 15;

  private TfRecord() {}

  /** The record of these data. */
  static byte[] frame(byte[] data) {
    ByteBuffer record = ByteBuffer.allocate(data.length + FRAME).order(ByteOrder.LITTLE_ENDIAN);
    record.putLong(data.length);
    record.putInt(checksum(record.array(), Long.BYTES));
    record.put(data);
    record.putInt(checksum(data, data.length));
    return record.array();
  }

  /** CRC-32C, masked: a CRC of data that hold their own CRC would be weak. */
  private static int checksum(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return Integer.rotateRight((int) crc.getValue(), MASK_ROTATION) + MASK;
  }
}
