package io.flowloop.reward;

import io.flowloop.engine.RgbImage;
import java.io.IOException;

/** Minus the size of the image as a JPEG of quality 95, in units of 500 kB: rewards plainness. */
public final class JpegCompressibility implements RewardFunction {

  @Override
  public String name() {
    return "jpegCompressibility";
  }

  @Override
  public double score(String prompt, RgbImage image) throws IOException {
    return -JpegSize.kilobytes(image) / 500;
  }
}
