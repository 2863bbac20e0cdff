package io.flowloop.reward;

import io.flowloop.engine.RgbImage;
import java.util.Arrays;

/**
 * An 8-bit grey image.
 *
 * @param width pixels of a line
 * @param height lines, the topmost first
 * @param pixels {@code height·width} bytes, unsigned, 0 black
 */
record GreyImage(int width, int height, byte[] pixels) {

  /** The luma of an RGB image, with the weights of ITU-R BT.601. */
  static GreyImage of(RgbImage image) {
    byte[] pixels = new byte[image.width() * image.height()];
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < image.width(); x++) {
        pixels[y * image.width() + x] = (byte) luma(image, x, y);
      }
    }
    return new GreyImage(image.width(), image.height(), pixels);
  }

  /** The image, or its negative if its outermost pixels are darker than all pixels on average. */
  GreyImage darkOnLight() {
    long sum = 0;
    for (byte pixel : pixels) {
      sum += Byte.toUnsignedInt(pixel);
    }
    return sum > (long) borderGrey() * pixels.length ? negative() : this;
  }

  /** The image with both sides {@code factor} times as long, interpolated bilinearly. */
  GreyImage enlarged(int factor) {
    if (factor == 1) {
      return this;
    }
    int line = width * factor;
    byte[] larger = new byte[line * height * factor];
    for (int y = 0; y < height * factor; y++) {
      for (int x = 0; x < line; x++) {
        float grey = interpolated(source(x, factor, width), source(y, factor, height));
        larger[y * line + x] = (byte) Math.round(grey);
      }
    }
    return new GreyImage(line, height * factor, larger);
  }

  /** The image inside a margin of so many pixels, in the mean grey of its outermost pixels. */
  GreyImage framed(int margin) {
    int line = width + 2 * margin;
    byte[] framed = new byte[line * (height + 2 * margin)];
    Arrays.fill(framed, (byte) borderGrey());
    for (int y = 0; y < height; y++) {
      System.arraycopy(pixels, y * width, framed, (y + margin) * line + margin, width);
    }
    return new GreyImage(line, height + 2 * margin, framed);
  }

  private GreyImage negative() {
    byte[] inverted = new byte[pixels.length];
    for (int i = 0; i < inverted.length; i++) {
      inverted[i] = (byte) ~pixels[i];
    }
    return new GreyImage(width, height, inverted);
  }

  /** Where the centre of an enlarged image's pixel lies, in pixels of this image of that length. */
  private static float source(int pixel, int factor, int length) {
    return Math.clamp((pixel + 0.5f) / factor - 0.5f, 0, length - 1);
  }

  private float interpolated(float x, float y) {
    int left = (int) x;
    int top = (int) y;
    int right = Math.min(left + 1, width - 1);
    int bottom = Math.min(top + 1, height - 1);
    float upper = between(grey(left, top), grey(right, top), x - left);
    float lower = between(grey(left, bottom), grey(right, bottom), x - left);
    return between(upper, lower, y - top);
  }

  private int borderGrey() {
    long sum = 0;
    for (int x = 0; x < width; x++) {
      sum += grey(x, 0) + grey(x, height - 1);
    }
    for (int y = 0; y < height; y++) {
      sum += grey(0, y) + grey(width - 1, y);
    }
    return Math.toIntExact(sum / (2L * (width + height)));
  }

  private static int luma(RgbImage image, int x, int y) {
    int weighted =
        299 * image.channel(x, y, 0) + 587 * image.channel(x, y, 1) + 114 * image.channel(x, y, 2);
    return (weighted + 500) / 1000;
  }

  private int grey(int x, int y) {
    return Byte.toUnsignedInt(pixels[y * width + x]);
  }

  private static float between(float from, float to, float share) {
    return from + (to - from) * share;
  }
}
