package io.flowloop.agentloop;

import io.flowloop.rollout.Blob;
import io.flowloop.rollout.DataException;
import io.flowloop.rollout.GroupBlob;
import io.flowloop.rollout.RolloutGroup;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * A file of finished groups of one training step: a {@link JournalHeader}, then a record for each
 * group, which is the length of its blob, a CRC-32C, and the {@link GroupBlob}. The checksum is
 * over header, length and blob's checksum, so that no record counts in another file than its own.
 *
 * <p>What a kill, a crash of the machine or a bad disk leaves of it is read up to its first byte
 * that is not as it was written, and goes on from there.
 */
final class JournalFile implements AutoCloseable {

  private static final int PREFIX = Long.BYTES + Integer.BYTES;

  private final FileChannel channel;
  private final int step;
  private final byte[] header;
  private final List<RolloutGroup> found = new ArrayList<>();

  private JournalFile(FileChannel channel, JournalHeader header) {
    this.channel = channel;
    this.step = header.step();
    this.header = header.bytes();
  }

  /**
   * Opens a file behind its last whole record; one that is missing or has another header begins.
   */
  static JournalFile open(Path path, JournalHeader header) throws IOException {
    FileChannel channel =
        FileChannel.open(
            path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      JournalFile file = new JournalFile(channel, header);
      if (file.hasItsHeader()) {
        file.readRecords();
      } else {
        file.begin();
      }
      return file;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private boolean hasItsHeader() throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(header.length);
    return readFully(bytes) && Arrays.equals(bytes.array(), header);
  }

  private void begin() throws IOException {
    channel.truncate(0);
    writeFully(ByteBuffer.wrap(header));
  }

  private void readRecords() throws IOException {
    long end = channel.position();
    while (readRecord()) {
      end = channel.position();
    }
    channel.truncate(end);
    channel.position(end);
  }

  /** Whether another whole record was there. */
  private boolean readRecord() throws IOException {
    ByteBuffer prefix = ByteBuffer.allocate(PREFIX);
    if (!readFully(prefix)) {
      return false;
    }
    long length = prefix.getLong(0);
    if (length < 0 || length > channel.size() - channel.position()) {
      return false;
    }
    Blob blob = Blob.readFrom(channel, length);
    if (prefix.getInt(Long.BYTES) != checksum(blob)) {
      return false;
    }
    try {
      return found.add(GroupBlob.decode(blob));
    } catch (DataException e) {
      return false;
    }
  }

  /** The training step, 1-based. */
  int step() {
    return step;
  }

  /** The groups that were in it when it was opened, in the order in which they were finished. */
  List<RolloutGroup> found() {
    return List.copyOf(found);
  }

  /** Adds a group, and has it on the disk. */
  void append(RolloutGroup group) throws IOException {
    Blob blob = GroupBlob.encode(group);
    writeFully(ByteBuffer.allocate(PREFIX).putLong(blob.length()).putInt(checksum(blob)).flip());
    blob.writeTo(channel);
    channel.force(false);
  }

  private int checksum(Blob blob) {
    CRC32C crc = new CRC32C();
    crc.update(header);
    crc.update(
        ByteBuffer.allocate(2 * Long.BYTES).putLong(blob.length()).putLong(blob.crc32c()).flip());
    return (int) crc.getValue();
  }

  private boolean readFully(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      if (channel.read(bytes) < 0) {
        return false;
      }
    }
    return true;
  }

  private void writeFully(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
