package io.flowloop.agentloop.track;

import io.flowloop.engine.RgbImage;
import io.flowloop.engine.glyph.DejaVu;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutGroup;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.List;

/**
 * Many images in one picture: blocks below each other, each a heading and a grid of images with a
 * caption under each.
 */
public final class ContactSheet {

  /** An image and what stands under it. */
  public record Cell(RgbImage image, String caption) {}

  /**
   * Images that belong together.
   *
   * @param cells at least one
   */
  public record Block(String heading, List<Cell> cells) {}

  // All lengths are pixels.
  static final int COLUMNS = 8;
  static final int MARGIN = 16;
  static final int GAP = 8;
  static final int HEADING = 30;
  static final int CAPTION = 18;

  /** Images of more pixels on a side are large enough as they are. */
  private static final int LARGEST_ENLARGED = 255;

  private static final long MOST_PIXELS = 40_000_000;

  private static final Color PAPER = new Color(0xF4F4F2);
  private static final Color INK = new Color(0x222222);
  private static final Color FRAME = new Color(0xC8C8C4);

  private static final Font HEADING_FONT = DejaVu.load("DejaVuSans-Bold", 13);
  private static final Font CAPTION_FONT = DejaVu.load("DejaVuSans", 12);
  private final int columns;
  private final int cellWidth;
  private final int cellHeight;

  private ContactSheet(List<Block> blocks, int mostColumns) {
    RgbImage image = blocks.getFirst().cells().getFirst().image();
    int enlargement = enlargement(image);
    columns =
        Math.min(
            mostColumns, blocks.stream().mapToInt(block -> block.cells().size()).max().orElse(1));
    cellWidth = image.width() * enlargement;
    cellHeight = image.height() * enlargement;
  }

  /**
   * Draws the blocks; as many of them as a picture can hold, and says how many are missing.
   *
   * @param blocks at least one; all images of one size
   */
  public static BufferedImage draw(List<Block> blocks) {
    return draw(blocks, COLUMNS);
  }

  /** The same with at most this many images beside each other. */
  static BufferedImage draw(List<Block> blocks, int columns) {
    return new ContactSheet(blocks, columns).picture(blocks);
  }

  /** The sheet of a rollout: a block for each prompt, the reward under each image. */
  public static BufferedImage of(RolloutBatch batch) {
    return draw(batch.groups().stream().map(ContactSheet::block).toList());
  }

  private static Block block(RolloutGroup group) {
    return new Block(
        group.prompt(),
        group.samples().stream()
            .map(
                sample ->
                    new Cell(sample.sample().image(), "%.3f".formatted(sample.reward().total())))
            .toList());
  }

  /** How many times larger an image is drawn. */
  private static int enlargement(RgbImage image) {
    return Math.max(image.width(), image.height()) > LARGEST_ENLARGED ? 1 : 2;
  }

  private BufferedImage picture(List<Block> blocks) {
    int width = 2 * MARGIN + columns * (cellWidth + GAP) - GAP;
    int height = 2 * MARGIN;
    int shown = 0;
    while (shown < blocks.size()
        && (shown == 0 || (long) width * (height + height(blocks.get(shown))) <= MOST_PIXELS)) {
      height += height(blocks.get(shown));
      shown++;
    }
    int missing = blocks.size() - shown;
    BufferedImage picture =
        new BufferedImage(width, height + (missing > 0 ? HEADING : 0), BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = graphics(picture);
    int y = MARGIN;
    for (Block block : blocks.subList(0, shown)) {
      draw(block, graphics, y, width);
      y += height(block);
    }
    if (missing > 0) {
      heading("... and %d more".formatted(missing), graphics, y, width);
    }
    graphics.dispose();
    return picture;
  }

  private static Graphics2D graphics(BufferedImage picture) {
    Graphics2D graphics = picture.createGraphics();
    graphics.setColor(PAPER);
    graphics.fillRect(0, 0, picture.getWidth(), picture.getHeight());
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    graphics.setRenderingHint(
        RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_NEAREST_NEIGHBOR);
    return graphics;
  }

  private int height(Block block) {
    return HEADING + Math.ceilDiv(block.cells().size(), columns) * (cellHeight + CAPTION + GAP);
  }

  private void draw(Block block, Graphics2D graphics, int top, int width) {
    heading(block.heading(), graphics, top, width);
    for (int i = 0; i < block.cells().size(); i++) {
      int x = MARGIN + i % columns * (cellWidth + GAP);
      int y = top + HEADING + i / columns * (cellHeight + CAPTION + GAP);
      draw(block.cells().get(i), graphics, x, y);
    }
  }

  private void heading(String text, Graphics2D graphics, int top, int width) {
    graphics.setColor(INK);
    graphics.setFont(HEADING_FONT);
    graphics.drawString(
        fitted(text, graphics, width - 2 * MARGIN), MARGIN, top + HEADING - GAP - 2);
  }

  private void draw(Cell cell, Graphics2D graphics, int x, int y) {
    graphics.drawImage(pixels(cell.image()), x, y, cellWidth, cellHeight, null);
    graphics.setColor(FRAME);
    graphics.drawRect(x - 1, y - 1, cellWidth + 1, cellHeight + 1);
    graphics.setColor(INK);
    graphics.setFont(CAPTION_FONT);
    graphics.drawString(
        fitted(cell.caption(), graphics, cellWidth), x, y + cellHeight + CAPTION - 4);
  }

  /** The text, cut where it would be too wide. */
  private static String fitted(String text, Graphics2D graphics, int width) {
    String fitted = text;
    int end = text.length();
    while (end > 0 && graphics.getFontMetrics().stringWidth(fitted) > width) {
      end = text.offsetByCodePoints(end, -1);
      fitted = text.substring(0, end) + "\u2026";
    }
    return fitted;
  }

  static BufferedImage pixels(RgbImage image) {
    BufferedImage pixels =
        new BufferedImage(image.width(), image.height(), BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < image.width(); x++) {
        int red = image.channel(x, y, 0);
        int green = image.channel(x, y, 1);
        pixels.setRGB(x, y, red << 16 | green << 8 | image.channel(x, y, 2));
      }
    }
    return pixels;
  }
}
