package io.flowloop.engine.glyph;

import io.flowloop.engine.RowSeed;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The four-digit numbers, 0000 to 9999: about one in fifty is held out, and no model that comes
 * with flowloop has seen it.
 */
public final class GlyphNumbers {

  private static final int COUNT = 10_000;
  private static final int ONE_IN = 50;

  private static final List<String> TRAINING = numbers(false);
  private static final List<String> HELD_OUT = numbers(true);

  private GlyphNumbers() {}

  /** Those a model may learn from. */
  public static List<String> training() {
    return TRAINING;
  }

  /** Those it may not. */
  public static List<String> heldOut() {
    return HELD_OUT;
  }

  private static List<String> numbers(boolean heldOut) {
    return IntStream.range(0, COUNT)
        .filter(number -> isHeldOut(number) == heldOut)
        .mapToObj("%04d"::formatted)
        .toList();
  }

  /** Scattered over all numbers, so that no digit is rare among either. */
  private static boolean isHeldOut(int number) {
    return Long.remainderUnsigned(RowSeed.of(0, 0, number).seed(), ONE_IN) == 0;
  }
}
