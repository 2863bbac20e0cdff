package io.flowloop.engine.glyph;

import io.flowloop.engine.RgbImage;

/**
 * Between an image's grey pixels and packed latents: each patch of the image is one token, its
 * pixels line by line the channels; 0 to 255 is −1 to 1.
 */
final class GlyphPixels {

  private GlyphPixels() {}

  /** The picture of S·C latents; values outside [−1, 1] are clamped. */
  static RgbImage image(float[] latents, int height, int width, int patch) {
    byte[] rgb = new byte[height * width * 3];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        float value = latents[index(x, y, width, patch)];
        byte grey = (byte) Math.round((Math.clamp(value, -1f, 1f) + 1) * 127.5f);
        int at = (y * width + x) * 3;
        rgb[at] = grey;
        rgb[at + 1] = grey;
        rgb[at + 2] = grey;
      }
    }
    return new RgbImage(width, height, rgb);
  }

  /** Writes the S·C latents of a picture's first channel to {@code target} from {@code offset}. */
  static void latents(RgbImage image, int patch, float[] target, int offset) {
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < image.width(); x++) {
        target[offset + index(x, y, image.width(), patch)] = image.channel(x, y, 0) / 127.5f - 1;
      }
    }
  }

  private static int index(int x, int y, int width, int patch) {
    int token = y / patch * (width / patch) + x / patch;
    return token * patch * patch + y % patch * patch + x % patch;
  }
}
