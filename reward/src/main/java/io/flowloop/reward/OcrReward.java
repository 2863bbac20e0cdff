package io.flowloop.reward;

import io.flowloop.engine.RgbImage;
import java.util.Deque;
import java.util.concurrent.ConcurrentLinkedDeque;

/**
 * How much of the text that the prompt quotes Tesseract reads in the image, in [0, 1].
 *
 * <p>The target is the text between the first pair of double quotes of the prompt. The reward is 1
 * when the reading contains it, else 1 − min(Levenshtein distance, length) / length, without white
 * space and letter case. When the target is digits alone, only digits are looked for.
 *
 * <p>Meant for images that hold one line of text. Keeps as many recognisers (about 10 MB of native
 * memory each) as threads ever scored at once, until closed.
 */
public final class OcrReward implements RewardFunction {

  /*
   * Measured with the DejaVu families at 18 to 90 points: Tesseract wants images at least 64 pixels
   * high, with some margin, and reads a single word better as a line than as a word.
   */
  private static final int LEAST_HEIGHT = 64;
  private static final int MARGIN = 10;

  private final Deque<Tesseract> idle = new ConcurrentLinkedDeque<>();
  private volatile boolean closed;

  @Override
  public String name() {
    return "ocr";
  }

  @Override
  public void checkPrompt(String prompt) {
    OcrScore.target(prompt);
  }

  @Override
  public double score(String prompt, RgbImage image) {
    String target = OcrScore.target(prompt);
    return OcrScore.of(read(image, OcrScore.isDigits(target)), target);
  }

  @Override
  public void close() {
    closed = true;
    closeIdle();
  }

  /** The text of an image; only digits are looked for if so told. */
  String read(RgbImage image, boolean digitsOnly) {
    GreyImage line =
        GreyImage.of(image).enlarged(Math.ceilDiv(LEAST_HEIGHT, image.height())).framed(MARGIN);
    Tesseract tesseract = borrowed();
    try {
      return tesseract.read(line, digitsOnly);
    } finally {
      giveBack(tesseract);
    }
  }

  private Tesseract borrowed() {
    if (closed) {
      throw new IllegalStateException(
          "reward function ocr: closed (expected: no score after that)");
    }
    Tesseract tesseract = idle.poll();
    return tesseract == null ? Tesseract.open() : tesseract;
  }

  private void giveBack(Tesseract tesseract) {
    idle.push(tesseract);
    if (closed) {
      closeIdle();
    }
  }

  private void closeIdle() {
    for (Tesseract tesseract = idle.poll(); tesseract != null; tesseract = idle.poll()) {
      tesseract.close();
    }
  }
}
