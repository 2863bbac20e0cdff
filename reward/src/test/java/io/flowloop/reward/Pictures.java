package io.flowloop.reward;

import io.flowloop.engine.RgbImage;
import io.flowloop.engine.glyph.DejaVu;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.util.function.IntBinaryOperator;

/** Images for tests; fonts come from the class path, as a bare machine has none. */
final class Pictures {

  private Pictures() {}

  static RgbImage plain(int width, int height, int grey) {
    return of(width, height, (x, y) -> grey * 0x010101);
  }

  /** An image from 0xRRGGBB of x and y. */
  static RgbImage of(int width, int height, IntBinaryOperator color) {
    byte[] rgb = new byte[width * height * 3];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int i = (y * width + x) * 3;
        int pixel = color.applyAsInt(x, y);
        rgb[i] = (byte) (pixel >> 16);
        rgb[i + 1] = (byte) (pixel >> 8);
        rgb[i + 2] = (byte) pixel;
      }
    }
    return new RgbImage(width, height, rgb);
  }

  static Font font(String file) {
    return DejaVu.load(file.replace(".ttf", ""), 1);
  }

  /** Text in the middle of an image of 96×32 pixels. */
  static RgbImage text(String text, Font font, Color ink, Color paper) {
    BufferedImage image = new BufferedImage(96, 32, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.setColor(paper);
    graphics.fillRect(0, 0, 96, 32);
    graphics.setColor(ink);
    graphics.setFont(font);
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    Rectangle2D bounds =
        font.createGlyphVector(graphics.getFontRenderContext(), text).getVisualBounds();
    graphics.drawString(
        text,
        (float) ((96 - bounds.getWidth()) / 2 - bounds.getX()),
        (float) ((32 - bounds.getHeight()) / 2 - bounds.getY()));
    graphics.dispose();
    return of(96, 32, image::getRGB);
  }
}
