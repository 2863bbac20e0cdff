package io.flowloop.engine.qwenimage;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.RgbImage;

/** The red, green and blue plane of a picture, one behind the other, as a VAE answers them. */
final class RgbPlanes {

  private static final int PLANES = 3;

  private RgbPlanes() {}

  /**
   * The picture in 8 bits a channel.
   *
   * @param planes 3·H·W numbers in [0, 1]
   * @param device that they come from, for the message
   * @throws EngineException if one of them is none: it would be black, and a reward be given for it
   */
  static RgbImage image(float[] planes, int height, int width, String device) {
    int pixels = height * width;
    byte[] rgb = new byte[PLANES * pixels];
    for (int plane = 0; plane < PLANES; plane++) {
      for (int pixel = 0; pixel < pixels; pixel++) {
        float value = planes[plane * pixels + pixel];
        if (!Float.isFinite(value)) {
          throw new EngineException(
              "pixels of the VAE on %s: %s (expected: finite numbers); check its weights, or compute"
                      .formatted(device, value)
                  + " in float32 (model.dtype)");
        }
        rgb[PLANES * pixel + plane] = (byte) Math.round(255 * value);
      }
    }
    return new RgbImage(width, height, rgb);
  }
}
