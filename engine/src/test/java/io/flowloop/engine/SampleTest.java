package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** What another node may claim about a sample: products and sums that leave the ints. */
class SampleTest {

  @Test
  void image_sizeWhoseProductOverflows_isRefused() {
    assertThatThrownBy(() -> new RgbImage(1 << 16, 1 << 16, new byte[0]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("65536×65536 pixels in 0 bytes");
  }

  @Test
  void promptEmbedding_sizeWhoseProductOverflows_isRefused() {
    assertThatThrownBy(() -> new PromptEmbedding(new float[0], new boolean[1 << 10], 1 << 22))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("0 values (expected: 1024 tokens · width 4194304");
    assertThatThrownBy(() -> new PromptEmbedding(new float[0], new boolean[0], -1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void sdeWindow_endOverflows_isRefused() {
    assertThatThrownBy(() -> new SdeWindow(Integer.MAX_VALUE, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("start 2147483647, size 1");
  }
}
