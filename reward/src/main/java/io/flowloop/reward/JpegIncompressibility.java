package io.flowloop.reward;

import io.flowloop.engine.RgbImage;
import java.io.IOException;

/** The size of the image as a JPEG of quality 95, in kB of 1000 bytes: rewards detail. */
public final class JpegIncompressibility implements RewardFunction {

  @Override
  public String name() {
    return "jpegIncompressibility";
  }

  @Override
  public double score(String prompt, RgbImage image) throws IOException {
    return JpegSize.kilobytes(image);
  }
}
