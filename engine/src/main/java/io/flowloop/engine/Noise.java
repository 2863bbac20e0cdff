package io.flowloop.engine;

import java.util.Objects;

/**
 * The random numbers of a row: pure functions of its seed, of what they are for and of an index,
 * the same bits on every machine and JDK.
 *
 * <p>There is no stream to be advanced: whoever asks for fewer numbers gets the first of them, and
 * the numbers of one seed, use and index say nothing about those of another. So a sample cannot
 * depend on the request, the worker or the order in which its noise was drawn.
 */
public final class Noise {

  /*
   * Block b of (seed, use, index) is Philox 4x32-10 of the counter (b, index, use, 0) under the key
   * seed; its four words make four normals by the transform of Box and Muller,
   *   sqrt(-2 ln u) · cos 2πv,  sqrt(-2 ln u) · sin 2πv,   u, v = (word + ½) · 2^-32.
   * The half keeps ln away from 0. The largest normal is sqrt(66 ln 2) = 6.76.
   *
   * Logarithm, sine and cosine are written out below: those of Math may differ between machines by
   * an ulp, and with those of StrictMath a normal takes 25 ns instead of 8. Java's + − · ÷ and sqrt
   * are exactly IEEE 754's, so what is built of nothing else gives the same bits everywhere.
   */

  /** What random numbers are for; each use draws from a sequence of its own. */
  public enum Use {
    /** x_T of a row. */
    INITIAL_LATENTS(0),
    /** The z of a row's stochastic denoising steps; the index is the denoising step. */
    STEP_NOISE(1),
    /** The weights of an untrained network. */
    WEIGHTS(2),
    /** What a training example shows. */
    TRAINING_DATA(3),
    /** The noise that a training example is mixed with. */
    TRAINING_NOISE(4),
    /** The sigma of a training example. */
    TRAINING_SIGMA(5),
    /** Whether a training example goes without its prompt. */
    PROMPT_DROPOUT(6),
    /** Where the SDE window of a training step lies; the index is the training step. */
    SDE_WINDOW(7);

    /** The counter's third word: part of the stream's definition, so not the ordinal. */
    private final int word;

    Use(int word) {
      this.word = word;
    }
  }

  private static final int WORDS = 4;
  private static final double TO_UNIT = 0x1p-32;
  private static final double LN_2 = 0.6931471805599453;
  private static final double HALF_PI = 1.5707963267948966;

  private static final long ONE = Double.doubleToRawLongBits(1);
  private static final long ROOT_HALF = Double.doubleToRawLongBits(Math.sqrt(0.5));
  private static final long MANTISSA = 0x000FFFFFFFFFFFFFL;
  private static final int MANTISSA_BITS = 52;
  private static final int EXPONENT_BIAS = 1023;

  private Noise() {}

  /** The first {@code count} standard normals of the x_T of the row with this seed. */
  public static float[] initialLatents(long seed, int count) {
    return normals(seed, Use.INITIAL_LATENTS, 0, count);
  }

  /** Writes {@link #initialLatents(long, int)} to {@code target} from {@code offset}. */
  public static void initialLatents(long seed, float[] target, int offset, int count) {
    normals(seed, Use.INITIAL_LATENTS, 0, target, offset, count);
  }

  /** The first {@code count} standard normals that a row's stochastic denoising step adds. */
  public static float[] stepNoise(long seed, int denoisingStep, int count) {
    return normals(seed, Use.STEP_NOISE, denoisingStep, count);
  }

  /** Writes {@link #stepNoise(long, int, int)} to {@code target} from {@code offset}. */
  public static void stepNoise(
      long seed, int denoisingStep, float[] target, int offset, int count) {
    normals(seed, Use.STEP_NOISE, denoisingStep, target, offset, count);
  }

  /** The first {@code count} standard normals of a seed, a use and an index. */
  public static float[] normals(long seed, Use use, int index, int count) {
    float[] normals = new float[count];
    normals(seed, use, index, normals, 0, count);
    return normals;
  }

  /**
   * Writes {@link #normals(long, Use, int, int)} to {@code target} from {@code offset}.
   *
   * @throws IndexOutOfBoundsException if they do not fit
   */
  public static void normals(long seed, Use use, int index, float[] target, int offset, int count) {
    Objects.checkFromIndexSize(offset, count, target.length);
    int[] words = new int[WORDS];
    int whole = count & -WORDS;
    for (int i = 0; i < whole; i += WORDS) {
      Philox4x32.block(i / WORDS, index, use.word, 0, seed, words);
      normalPair(words[0], words[1], target, offset + i);
      normalPair(words[2], words[3], target, offset + i + 2);
    }
    if (whole < count) {
      float[] last = new float[WORDS];
      Philox4x32.block(whole / WORDS, index, use.word, 0, seed, words);
      normalPair(words[0], words[1], last, 0);
      normalPair(words[2], words[3], last, 2);
      System.arraycopy(last, 0, target, offset + whole, count - whole);
    }
  }

  /**
   * The first {@code count} uniform numbers of a seed, a use and an index, inside (0, 1): odd
   * multiples of 2^-33. {@code (int) (bound * uniform)} is one of {@code bound} numbers from 0.
   */
  public static double[] uniforms(long seed, Use use, int index, int count) {
    double[] uniforms = new double[count];
    int[] words = new int[WORDS];
    for (int i = 0; i < count; i++) {
      if (i % WORDS == 0) {
        Philox4x32.block(i / WORDS, index, use.word, 0, seed, words);
      }
      uniforms[i] = (Integer.toUnsignedLong(words[i % WORDS]) + 0.5) * TO_UNIT;
    }
    return uniforms;
  }

  private static void normalPair(int radiusWord, int angleWord, float[] target, int at) {
    double radius = Math.sqrt(-2 * logUniform(radiusWord));
    target[at] = (float) (radius * cosTurn(angleWord));
    target[at + 1] = (float) (radius * sinTurn(angleWord));
  }

  /** The natural logarithm of (word + ½) · 2^-32, to a relative error of 1e-11. */
  static double logUniform(int word) {
    // Split into 2^exponent · m with m in [√½, √2), where the series is short.
    long bits = Double.doubleToRawLongBits(Integer.toUnsignedLong(word) + 0.5) + ONE - ROOT_HALF;
    long exponent = (bits >>> MANTISSA_BITS) - EXPONENT_BIAS - Integer.SIZE;
    double m = Double.longBitsToDouble((bits & MANTISSA) + ROOT_HALF);
    // ln m = 2 artanh((m − 1) / (m + 1)), by its series; the argument is at most 0.172.
    double x = (m - 1) / (m + 1);
    double y = x * x;
    double series = 1.0 / 13;
    series = series * y + 1.0 / 11;
    series = series * y + 1.0 / 9;
    series = series * y + 1.0 / 7;
    series = series * y + 1.0 / 5;
    series = series * y + 1.0 / 3;
    series = series * y + 1;
    return exponent * LN_2 + 2 * x * series;
  }

  /** The cosine of 2π · (word + ½) · 2^-32, to 1e-10. */
  static double cosTurn(int word) {
    double x = quarterAngle(word);
    double sin2 = 2 * sin(x) * cos(x);
    return 1 - 2 * sin2 * sin2;
  }

  /** The sine of 2π · (word + ½) · 2^-32, to 1e-10. */
  static double sinTurn(int word) {
    double x = quarterAngle(word);
    double sin = sin(x);
    double sin2 = 2 * sin * cos(x);
    double cos2 = 1 - 2 * sin * sin;
    return 2 * sin2 * cos2;
  }

  /**
   * A quarter of the angle, within ±π/4 where the series are short; doubling it twice needs no
   * branch. The word is read as signed, which is the same angle or one a whole turn away.
   */
  private static double quarterAngle(int word) {
    return (word + 0.5) * (TO_UNIT * HALF_PI);
  }

  /** The sine's series, to 1e-11 within ±π/4. */
  private static double sin(double x) {
    double y = x * x;
    double series = -1.0 / 39916800;
    series = series * y + 1.0 / 362880;
    series = series * y - 1.0 / 5040;
    series = series * y + 1.0 / 120;
    series = series * y - 1.0 / 6;
    return x + x * y * series;
  }

  /** The cosine's series, to 1e-12 within ±π/4. */
  private static double cos(double x) {
    double y = x * x;
    double series = 1.0 / 479001600;
    series = series * y - 1.0 / 3628800;
    series = series * y + 1.0 / 40320;
    series = series * y - 1.0 / 720;
    series = series * y + 1.0 / 24;
    series = series * y - 1.0 / 2;
    return 1 + y * series;
  }
}
