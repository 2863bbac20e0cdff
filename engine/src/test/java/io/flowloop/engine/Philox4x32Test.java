package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Philox4x32Test {

  /** The lines "philox4x32 10" of Random123's kat_vectors. */
  @ParameterizedTest
  @CsvSource({
    "00000000 00000000 00000000 00000000, 00000000 00000000, 6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    "ffffffff ffffffff ffffffff ffffffff, ffffffff ffffffff, 408f276d 41c83b0e a20bc7c6 6d5451fd",
    "243f6a88 85a308d3 13198a2e 03707344, a4093822 299f31d0, d16cfe09 94fdcceb 5001e420 24126ea1",
  })
  void block_publishedCounterAndKey_isThePublishedAnswer(
      String counter, String key, String answer) {
    int[] c = words(counter);
    int[] k = words(key);
    int[] actual = new int[4];

    Philox4x32.block(
        c[0], c[1], c[2], c[3], ((long) k[1] << 32) | Integer.toUnsignedLong(k[0]), actual);

    assertThat(actual).containsExactly(words(answer));
  }

  private static int[] words(String hex) {
    String[] words = hex.split(" ", -1);
    return IntStream.range(0, words.length).map(i -> HexFormat.fromHexDigits(words[i])).toArray();
  }
}
