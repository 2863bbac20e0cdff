package io.flowloop.engine;

/**
 * An 8-bit RGB image in plain memory.
 *
 * @param width pixels of a line
 * @param height lines, the topmost first
 * @param rgb {@code height·width·3} bytes, unsigned, R G B of each pixel; the array is not copied
 */
public record RgbImage(int width, int height, byte[] rgb) {

  public RgbImage {
    if (width < 1 || height < 1 || rgb.length != 3L * width * height) {
      throw new IllegalArgumentException(
          "image: %d×%d pixels in %d bytes (expected: width·height·3 bytes)"
              .formatted(width, height, rgb.length));
    }
  }

  /** One channel (0 red, 1 green, 2 blue) of one pixel, 0 to 255. */
  public int channel(int x, int y, int channel) {
    return Byte.toUnsignedInt(rgb[(y * width + x) * 3 + channel]);
  }
}
