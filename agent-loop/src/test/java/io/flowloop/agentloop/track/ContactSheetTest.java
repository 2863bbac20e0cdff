package io.flowloop.agentloop.track;

import static io.flowloop.agentloop.track.ContactSheet.CAPTION;
import static io.flowloop.agentloop.track.ContactSheet.GAP;
import static io.flowloop.agentloop.track.ContactSheet.HEADING;
import static io.flowloop.agentloop.track.ContactSheet.MARGIN;
import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.track.ContactSheet.Block;
import io.flowloop.agentloop.track.ContactSheet.Cell;
import io.flowloop.engine.RgbImage;
import java.awt.image.BufferedImage;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ContactSheetTest {

  private static final int WIDTH = 96;
  private static final int HEIGHT = 32;

  /** Every pixel of every image has a colour of its own. */
  private static RgbImage image(int width, int height, int number) {
    byte[] rgb = new byte[width * height * 3];
    for (int i = 0; i < width * height; i++) {
      rgb[3 * i] = (byte) (i / width);
      rgb[3 * i + 1] = (byte) (i % width);
      rgb[3 * i + 2] = (byte) number;
    }
    return new RgbImage(width, height, rgb);
  }

  private static Block block(String heading, int cells) {
    return new Block(
        heading,
        IntStream.range(0, cells)
            .mapToObj(i -> new Cell(image(WIDTH, HEIGHT, i), "0." + i))
            .toList());
  }

  private static int sheetHeight(int blocks, int rows) {
    return 2 * MARGIN + blocks * HEADING + rows * (2 * HEIGHT + CAPTION + GAP);
  }

  @Test
  void draw_twoBlocks_laysThemOutInAGrid() {
    BufferedImage sheet = ContactSheet.draw(List.of(block("a", 10), block("b", 3)));

    assertThat(sheet.getWidth()).isEqualTo(2 * MARGIN + 8 * 2 * WIDTH + 7 * GAP);
    assertThat(sheet.getHeight()).isEqualTo(sheetHeight(2, 3));
  }

  @Test
  void draw_fewerColumns_makesMoreRows() {
    BufferedImage sheet = ContactSheet.draw(List.of(block("a", 5)), 2);

    assertThat(sheet.getWidth()).isEqualTo(2 * MARGIN + 2 * 2 * WIDTH + GAP);
    assertThat(sheet.getHeight()).isEqualTo(sheetHeight(1, 3));
  }

  @Test
  void draw_images_enlargesEveryPixelTwice() {
    BufferedImage sheet = ContactSheet.draw(List.of(block("a", 10)));

    for (int number : List.of(0, 7, 9)) {
      int left = MARGIN + number % 8 * (2 * WIDTH + GAP);
      int top = MARGIN + HEADING + number / 8 * (2 * HEIGHT + CAPTION + GAP);
      for (int y = 0; y < 2 * HEIGHT; y++) {
        for (int x = 0; x < 2 * WIDTH; x++) {
          assertThat(sheet.getRGB(left + x, top + y) & 0xFFFFFF)
              .isEqualTo(((y / 2) << 16) | ((x / 2) << 8) | number);
        }
      }
    }
  }

  @Test
  void draw_texts_areThere() {
    BufferedImage sheet = ContactSheet.draw(List.of(block("7382", 1)));

    int captions = MARGIN + HEADING + 2 * HEIGHT + 1;
    assertThat(dark(sheet, 0, MARGIN + HEADING - 1)).isPositive();
    assertThat(dark(sheet, captions, captions + CAPTION)).isPositive();
    assertThat(dark(sheet, 0, MARGIN / 2)).isZero();
  }

  @Test
  void draw_longHeading_isCutInsideTheMargin() {
    BufferedImage sheet = ContactSheet.draw(List.of(block("m".repeat(500), 1)));

    int inMargin = 0;
    for (int y = 0; y < MARGIN + HEADING - 1; y++) {
      for (int x = sheet.getWidth() - MARGIN; x < sheet.getWidth(); x++) {
        inMargin += isDark(sheet, x, y) ? 1 : 0;
      }
    }
    assertThat(inMargin).isZero();
  }

  @Test
  void draw_largeImages_keepTheirSize() {
    RgbImage large = image(256, 256, 0);

    BufferedImage sheet = ContactSheet.draw(List.of(new Block("a", List.of(new Cell(large, "1")))));

    assertThat(sheet.getWidth()).isEqualTo(2 * MARGIN + 256);
  }

  @Test
  void draw_moreThanAPictureHolds_saysHowManyAreMissing() {
    Block block = block("a", 8);
    int blocks = 1000;

    BufferedImage sheet = ContactSheet.draw(Collections.nCopies(blocks, block));

    assertThat((long) sheet.getWidth() * sheet.getHeight()).isBetween(30_000_000L, 41_000_000L);
    assertThat(dark(sheet, sheet.getHeight() - MARGIN - HEADING, sheet.getHeight())).isPositive();
  }

  /** Dark pixels of the lines from {@code top} to {@code bottom}. */
  private static int dark(BufferedImage sheet, int top, int bottom) {
    int dark = 0;
    for (int y = top; y < bottom; y++) {
      for (int x = 0; x < sheet.getWidth(); x++) {
        dark += isDark(sheet, x, y) ? 1 : 0;
      }
    }
    return dark;
  }

  private static boolean isDark(BufferedImage sheet, int x, int y) {
    return (sheet.getRGB(x, y) & 0xFF) < 0x80;
  }
}
