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
   * Measured with the DejaVu families on images 16 to 96 pixels high, with text of .45 to .85 of
   * that, clean and noisy: Tesseract wants images at least 32 pixels high, with some margin. Larger
   * ones it reads more slowly and, where pixels are noisy, worse.
   */
  private static final int LEAST_HEIGHT = 32;
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
        GreyImage.of(image)
            .darkOnLight()
            .enlarged(Math.ceilDiv(LEAST_HEIGHT, image.height()))
            .framed(MARGIN);
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
