package io.flowloop.agentloop.track;

import io.flowloop.agentloop.Tracker.ScoredImage;
import io.flowloop.agentloop.Tracker.Validation;
import io.flowloop.agentloop.track.ContactSheet.Block;
import io.flowloop.agentloop.track.ContactSheet.Cell;
import io.flowloop.engine.QuotedText;
import io.flowloop.engine.RgbImage;
import java.awt.image.BufferedImage;
import java.util.List;
import java.util.stream.IntStream;

/** The contact sheet of a validation: each image with its reward and what it should say. */
final class ValidationSheet {

  /** Pixels of a side beyond which images are shrunk. */
  static final int LARGEST_SIDE = 256;

  private ValidationSheet() {}

  /**
   * Draws a sheet.
   *
   * @param most images on it, spread over all; the same ones at each validation of a run
   */
  static BufferedImage draw(Validation validation, int columns, int most) {
    List<ScoredImage> shown = spread(validation.images(), most);
    double mean =
        validation.images().stream().mapToDouble(ScoredImage::reward).average().orElse(Double.NaN);
    String heading =
        "step %d: mean reward %.3f, %d of %d images"
            .formatted(validation.step(), mean, shown.size(), validation.images().size());
    return ContactSheet.draw(
        List.of(new Block(heading, shown.stream().map(ValidationSheet::cell).toList())), columns);
  }

  /** At most this many of the images, at equal distances. */
  static <T> List<T> spread(List<T> all, int most) {
    int count = Math.min(all.size(), most);
    return IntStream.range(0, count).mapToObj(i -> all.get(i * all.size() / count)).toList();
  }

  private static Cell cell(ScoredImage scored) {
    String text = QuotedText.in(scored.prompt()).orElse(scored.prompt());
    return new Cell(shrunk(scored.image()), "%.2f  %s".formatted(scored.reward(), text));
  }

  /** The image with every block of pixels averaged into one, if it is large. */
  static RgbImage shrunk(RgbImage image) {
    int factor = Math.ceilDiv(Math.max(image.width(), image.height()), LARGEST_SIDE);
    if (factor == 1) {
      return image;
    }
    int width = Math.max(1, image.width() / factor);
    int height = Math.max(1, image.height() / factor);
    byte[] rgb = new byte[width * height * 3];
    for (int i = 0; i < rgb.length; i++) {
      int pixel = i / 3;
      rgb[i] = mean(image, pixel % width * factor, pixel / width * factor, i % 3, factor);
    }
    return new RgbImage(width, height, rgb);
  }

  private static byte mean(RgbImage image, int left, int top, int channel, int factor) {
    int right = Math.min(left + factor, image.width());
    int bottom = Math.min(top + factor, image.height());
    int sum = 0;
    for (int y = top; y < bottom; y++) {
      for (int x = left; x < right; x++) {
        sum += image.channel(x, y, channel);
      }
    }
    return (byte) Math.round((double) sum / ((right - left) * (bottom - top)));
  }
}
