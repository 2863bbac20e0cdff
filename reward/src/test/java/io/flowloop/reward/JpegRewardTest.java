package io.flowloop.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.flowloop.engine.RgbImage;
import org.junit.jupiter.api.Test;

class JpegRewardTest {

  private static final RgbImage DETAILED =
      Pictures.of(
          512, 512, (x, y) -> (x * 7 + y * 3) % 256 << 16 | x * y % 256 << 8 | (x + 2 * y) % 256);

  /** Pillow 12.3 writes the same image, at quality 95, in 267,365 bytes. */
  @Test
  void incompressibility_detailedImage_isTheSizeInKilobytes() throws Exception {
    double reward = new JpegIncompressibility().score("", DETAILED);

    assertThat(reward).isCloseTo(267.365, withinPercentage(1));
  }

  @Test
  void compressibility_anyImage_isMinusTheSizeOverFiveHundred() throws Exception {
    double size = new JpegIncompressibility().score("", DETAILED);

    assertThat(new JpegCompressibility().score("", DETAILED)).isEqualTo(-size / 500);
  }

  @Test
  void compressibility_plainImage_isHigherThanThatOfADetailedOne() throws Exception {
    JpegCompressibility compressibility = new JpegCompressibility();

    assertThat(compressibility.score("", Pictures.plain(512, 512, 90)))
        .isGreaterThan(compressibility.score("", DETAILED));
  }
}
