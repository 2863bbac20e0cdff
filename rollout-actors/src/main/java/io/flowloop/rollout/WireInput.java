package io.flowloop.rollout;

import com.esotericsoftware.kryo.KryoException;
import com.esotericsoftware.kryo.io.Input;

/**
 * The bytes of one message, which allocates nothing for a length that they cannot hold: Kryo itself
 * makes an array of 2³¹ − 9 elements when six bytes ask for it.
 */
final class WireInput extends Input {

  WireInput(byte[] bytes, int offset, int count) {
    super(bytes, offset, count);
  }

  /** Bytes not read yet. */
  int remaining() {
    return limit() - position();
  }

  /**
   * A declared number of elements.
   *
   * @param bytesEach the fewest that an element takes
   * @throws KryoException if so many cannot follow
   */
  int readLength(int bytesEach) {
    return requireLength(readVarInt(true), bytesEach);
  }

  private int requireLength(int length, int bytesEach) {
    if (length < 0 || (long) length * bytesEach > remaining()) {
      throw new KryoException(
          "declared length: %s (expected: at most %d, for %d bytes that remain)"
              .formatted(Integer.toUnsignedString(length), remaining() / bytesEach, remaining()));
    }
    return length;
  }

  /** The length of a string that is not ASCII, plus one; 0 means null. */
  @Override
  public int readVarIntFlag(boolean optimizePositive) {
    int flagged = super.readVarIntFlag(optimizePositive);
    requireLength(Math.max(flagged - 1, flagged < 0 ? -1 : 0), 1);
    return flagged;
  }

  @Override
  public byte[] readBytes(int length) {
    return super.readBytes(requireLength(length, 1));
  }

  @Override
  public boolean[] readBooleans(int length) {
    return super.readBooleans(requireLength(length, 1));
  }

  @Override
  public float[] readFloats(int length) {
    return super.readFloats(requireLength(length, Float.BYTES));
  }

  @Override
  public int[] readInts(int length) {
    return super.readInts(requireLength(length, Integer.BYTES));
  }

  @Override
  public int[] readInts(int length, boolean optimizePositive) {
    return super.readInts(requireLength(length, 1), optimizePositive);
  }

  @Override
  public long[] readLongs(int length) {
    return super.readLongs(requireLength(length, Long.BYTES));
  }

  @Override
  public long[] readLongs(int length, boolean optimizePositive) {
    return super.readLongs(requireLength(length, 1), optimizePositive);
  }

  @Override
  public double[] readDoubles(int length) {
    return super.readDoubles(requireLength(length, Double.BYTES));
  }

  @Override
  public short[] readShorts(int length) {
    return super.readShorts(requireLength(length, Short.BYTES));
  }

  @Override
  public char[] readChars(int length) {
    return super.readChars(requireLength(length, Character.BYTES));
  }
}
