package io.flowloop.engine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/**
 * Weights on their way from a trainer to engines.
 *
 * @param version counts the updates behind them; samples carry it. 0 are those a model is loaded
 *     with
 * @param tensors by the model's own names; weights that are not among them stay as they are
 * @param checksum {@link #checksum(Map)} of the tensors
 */
public record PolicyWeights(long version, SortedMap<String, HostTensor> tensors, long checksum) {

  /**
   * @throws IllegalArgumentException if the version is negative
   */
  public PolicyWeights {
    tensors = Collections.unmodifiableSortedMap(new TreeMap<>(tensors));
    if (version < 0) {
      throw new IllegalArgumentException("version: " + version + " (expected: 0 or more)");
    }
  }

  /** These tensors as a version, with their checksum. */
  public static PolicyWeights of(long version, Map<String, HostTensor> tensors) {
    return new PolicyWeights(version, new TreeMap<>(tensors), checksum(tensors));
  }

  /**
   * Checks that the tensors are those that the checksum was made of.
   *
   * @throws IllegalArgumentException if not
   */
  public void requireIntact() {
    long found = checksum(tensors);
    if (found != checksum) {
      throw new IllegalArgumentException(
          "checksum of policy version %d: %08x (expected: %08x, that of its tensors)"
              .formatted(version, checksum, found));
    }
  }

  /** CRC-32C of names and little-endian values, in the order of the names. */
  public static long checksum(Map<String, HostTensor> tensors) {
    CRC32C crc = new CRC32C();
    new TreeMap<>(tensors)
        .forEach(
            (name, tensor) -> {
              crc.update(name.getBytes(StandardCharsets.UTF_8));
              ByteBuffer bytes =
                  ByteBuffer.allocate(Math.multiplyExact(tensor.values().length, Float.BYTES))
                      .order(ByteOrder.LITTLE_ENDIAN);
              bytes.asFloatBuffer().put(tensor.values());
              crc.update(bytes);
            });
    return crc.getValue();
  }
}
