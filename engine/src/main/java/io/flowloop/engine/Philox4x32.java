package io.flowloop.engine;

/**
 * Philox 4x32-10: a counter-based generator that turns a 128-bit counter and a 64-bit key into four
 * random words, with no state in between.
 */
final class Philox4x32 {

  // Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, SC'11.
  private static final int ROUNDS = 10;
  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;
  private static final long LOW_WORD = 0xFFFFFFFFL;

  private Philox4x32() {}

  /**
   * Writes the block of a counter and a key.
   *
   * @param key the first key word in its low half, the second in its high half
   * @param words the four words of the block
   */
  static void block(int counter0, int counter1, int counter2, int counter3, long key, int[] words) {
    int c0 = counter0;
    int c1 = counter1;
    int c2 = counter2;
    int c3 = counter3;
    int key0 = (int) key;
    int key1 = (int) (key >>> 32);
    for (int round = 0; round < ROUNDS; round++) {
      long product0 = MULTIPLIER_0 * (c0 & LOW_WORD);
      long product1 = MULTIPLIER_1 * (c2 & LOW_WORD);
      c0 = (int) (product1 >>> 32) ^ c1 ^ key0;
      c1 = (int) product1;
      c2 = (int) (product0 >>> 32) ^ c3 ^ key1;
      c3 = (int) product0;
      key0 += WEYL_0;
      key1 += WEYL_1;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
  }
}
