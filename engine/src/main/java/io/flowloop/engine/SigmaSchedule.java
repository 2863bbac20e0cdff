package io.flowloop.engine;

/**
 * The noise levels that a denoising loop walks: T + 1 sigmas that fall from 1 to 0.
 *
 * <p>Which of them a model wants, and with what numbers, stands in its own {@code
 * scheduler_config.json}.
 */
public final class SigmaSchedule {

  // Every method does its arithmetic in the precision of the diffusers library, float32 but where
  // it
  // says double, so that the sigmas are those of the reference to the last bit.

  private static final int TRAIN_TIMESTEPS = 1000;

  private SigmaSchedule() {}

  /**
   * Equal steps: 1, 1 − 1/T, …, 1/T, 0.
   *
   * @param numInferenceSteps T, 1 or more
   */
  public static float[] linear(int numInferenceSteps) {
    double[] sigmas = spaced(1, 1.0 / numInferenceSteps, numInferenceSteps);
    float[] rounded = new float[numInferenceSteps + 1];
    for (int i = 0; i < numInferenceSteps; i++) {
      rounded[i] = (float) sigmas[i];
    }
    return rounded;
  }

  /**
   * The linear schedule with every σ moved to shift·σ / (1 + (shift − 1)·σ); a shift above 1 spends
   * more of the steps on high noise.
   *
   * @param numInferenceSteps T, 1 or more
   * @param shift above 0
   */
  public static float[] shifted(int numInferenceSteps, double shift) {
    checkShift(shift);
    float[] sigmas = linear(numInferenceSteps);
    for (int i = 0; i < numInferenceSteps; i++) {
      sigmas[i] = (float) shift * sigmas[i] / (1 + (float) (shift - 1) * sigmas[i]);
    }
    return sigmas;
  }

  /**
   * The schedule of SD3 and SD3.5: from 1 to the shifted 0.001 in equal steps, then all shifted
   * once more. The second shift is a habit of the reference that these models are sampled with.
   *
   * @param numInferenceSteps T, 1 or more
   * @param shift above 0
   */
  public static float[] twiceShifted(int numInferenceSteps, double shift) {
    checkShift(shift);
    float first = 1f / TRAIN_TIMESTEPS;
    double last = (float) shift * first / (1 + (float) (shift - 1) * first);
    // In double from here on.
    double[] sigmas = spaced(TRAIN_TIMESTEPS, last * TRAIN_TIMESTEPS, numInferenceSteps);
    float[] shifted = new float[numInferenceSteps + 1];
    for (int i = 0; i < numInferenceSteps; i++) {
      double sigma = sigmas[i] / TRAIN_TIMESTEPS;
      shifted[i] = (float) (shift * sigma / (1 + (shift - 1) * sigma));
    }
    return shifted;
  }

  /**
   * The schedule of Qwen-Image and FLUX: the linear one, shifted the more the larger the image.
   *
   * @param numInferenceSteps T, 1 or more
   * @param imageTokens S, the packed length of one image
   */
  public static float[] shiftedBySize(int numInferenceSteps, int imageTokens, SigmaShift shift) {
    float exp = (float) StrictMath.exp(shift.mu(imageTokens));
    float[] sigmas = linear(numInferenceSteps);
    for (int i = 0; i < numInferenceSteps; i++) {
      sigmas[i] = exp / (exp + (1 / sigmas[i] - 1));
    }
    shift.terminal().ifPresent(terminal -> stretch(sigmas, terminal));
    return sigmas;
  }

  /** Moves the last sigma above 0 to {@code terminal} and the others in proportion, but 1. */
  private static void stretch(float[] sigmas, double terminal) {
    int steps = sigmas.length - 1;
    float factor = (1 - sigmas[steps - 1]) / (float) (1 - terminal);
    // The first sigma is 1 and stays it, also where it is the last one too and the factor is 0.
    for (int i = 1; i < steps; i++) {
      sigmas[i] = 1 - (1 - sigmas[i]) / factor;
    }
  }

  /** {@code count} numbers from {@code first} to {@code last} in equal steps. */
  private static double[] spaced(double first, double last, int count) {
    if (count < 1) {
      throw new IllegalArgumentException("numInferenceSteps: " + count + " (expected: 1 or more)");
    }
    double[] numbers = new double[count];
    double step = (last - first) / (count - 1);
    for (int i = 1; i < count - 1; i++) {
      numbers[i] = i * step + first;
    }
    numbers[count - 1] = last;
    numbers[0] = first;
    return numbers;
  }

  private static void checkShift(double shift) {
    if (!(shift > 0) || Double.isInfinite(shift)) {
      throw new IllegalArgumentException("shift: " + shift + " (expected: above 0)");
    }
  }
}
