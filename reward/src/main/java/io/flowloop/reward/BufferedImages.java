package io.flowloop.reward;

import io.flowloop.engine.RgbImage;
import java.awt.image.BufferedImage;

/** Images as the JDK's writers of image files take them. */
final class BufferedImages {

  private BufferedImages() {}

  /** A copy of an image. */
  static BufferedImage of(RgbImage image) {
    BufferedImage buffered =
        new BufferedImage(image.width(), image.height(), BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < image.width(); x++) {
        int rgb =
            image.channel(x, y, 0) << 16 | image.channel(x, y, 1) << 8 | image.channel(x, y, 2);
        buffered.setRGB(x, y, rgb);
      }
    }
    return buffered;
  }
}
