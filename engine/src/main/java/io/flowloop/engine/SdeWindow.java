package io.flowloop.engine;

/**
 * The denoising steps that are stochastic and trained: {@code size} consecutive ones from {@code
 * start}; all others are plain ODE steps.
 *
 * @param start first denoising step of the window, 0-based
 * @param size number of steps W; 0 makes the whole walk deterministic
 */
public record SdeWindow(int start, int size) {

  public static final SdeWindow NONE = new SdeWindow(0, 0);

  public SdeWindow {
    if (start < 0 || size < 0 || start > Integer.MAX_VALUE - size) {
      throw new IllegalArgumentException(
          "sdeWindow: start %d, size %d (expected: both 0 or more, their sum an int)"
              .formatted(start, size));
    }
  }

  /** Every step but the last, which has nowhere to add noise (its next sigma is 0). */
  public static SdeWindow whole(int numInferenceSteps) {
    return new SdeWindow(0, numInferenceSteps - 1);
  }

  /** First denoising step behind the window. */
  public int end() {
    return start + size;
  }

  public boolean contains(int denoisingStep) {
    return denoisingStep >= start && denoisingStep < end();
  }
}
