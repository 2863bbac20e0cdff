package io.flowloop.engine.glyph;

import io.flowloop.engine.RgbImage;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.font.GlyphVector;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.util.List;
import java.util.stream.Stream;

/** Draws clean numbers, black on white, in the DejaVu fonts of the classpath: what glyph learns. */
public final class GlyphRenderer {

  private final List<Font> fonts =
      Stream.of(
              "DejaVuSans",
              "DejaVuSans-Bold",
              "DejaVuSerif",
              "DejaVuSerif-Bold",
              "DejaVuSansMono",
              "DejaVuSansMono-Bold")
          .map(face -> DejaVu.load(face, 1))
          .toList();

  /**
   * How a number is drawn.
   *
   * @param font index of a font
   * @param size points, which are pixels here
   * @param right pixels from the centre
   * @param down pixels from the centre
   */
  public record Style(int font, double size, double right, double down) {

    private static final double SMALLEST = 20;
    private static final double SIZES = 4;
    private static final double JITTER_RIGHT = 3;
    private static final double JITTER_DOWN = 2;

    /** A style from four numbers in (0, 1). */
    static Style of(double[] uniforms, int at, int fonts) {
      return new Style(
          (int) (uniforms[at] * fonts),
          SMALLEST + SIZES * uniforms[at + 1],
          JITTER_RIGHT * (2 * uniforms[at + 2] - 1),
          JITTER_DOWN * (2 * uniforms[at + 3] - 1));
    }
  }

  /** How many fonts there are to choose from. */
  public int fonts() {
    return fonts.size();
  }

  /** The picture of {@code text}. */
  public RgbImage draw(String text, Style style, int height, int width) {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_BYTE_GRAY);
    Graphics2D graphics = image.createGraphics();
    graphics.setColor(Color.WHITE);
    graphics.fillRect(0, 0, width, height);
    graphics.setColor(Color.BLACK);
    graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
    Font font = fonts.get(style.font()).deriveFont((float) style.size());
    GlyphVector glyphs = font.createGlyphVector(graphics.getFontRenderContext(), text);
    Rectangle2D bounds = glyphs.getVisualBounds();
    double x = (width - bounds.getWidth()) / 2 - bounds.getX() + style.right();
    double y = (height - bounds.getHeight()) / 2 - bounds.getY() + style.down();
    graphics.fill(glyphs.getOutline((float) x, (float) y));
    graphics.dispose();
    return rgb(image);
  }

  private static RgbImage rgb(BufferedImage image) {
    byte[] grey = ((DataBufferByte) image.getRaster().getDataBuffer()).getData();
    byte[] rgb = new byte[grey.length * 3];
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = grey[i / 3];
    }
    return new RgbImage(image.getWidth(), image.getHeight(), rgb);
  }
}
