package io.flowloop.engine;

import java.util.Arrays;

/**
 * What the networks written again in plain loops and doubles have in common: the parts of a
 * transformer, token by token.
 */
public final class TwinArithmetic {

  /** In norms. */
  private static final double EPS = 1e-6;

  private TwinArithmetic() {}

  public static double[] doubles(float[] values) {
    double[] exact = new double[values.length];
    Arrays.setAll(exact, i -> values[i]);
    return exact;
  }

  /**
   * A dense layer.
   *
   * @param weight row by row
   * @param bias one a row
   */
  public static double[] linear(double[] x, double[] weight, double[] bias) {
    double[] out = bias.clone();
    for (int o = 0; o < out.length; o++) {
      for (int i = 0; i < x.length; i++) {
        out[o] += weight[o * x.length + i] * x[i];
      }
    }
    return out;
  }

  /** A dense layer without a bias. */
  public static double[] linear(double[] x, double[] weight) {
    return linear(x, weight, new double[weight.length / x.length]);
  }

  public static double[] silu(double[] x) {
    return Arrays.stream(x).map(v -> v / (1 + Math.exp(-v))).toArray();
  }

  /** By tanh. */
  public static double[] gelu(double[] x) {
    return Arrays.stream(x)
        .map(v -> v / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v))))
        .toArray();
  }

  public static double[] sum(double[] x, double[] y) {
    double[] out = x.clone();
    Arrays.setAll(out, i -> x[i] + y[i]);
    return out;
  }

  /** x + gate·branch. */
  public static double[] gate(double[] x, double[] gate, double[] branch) {
    double[] out = x.clone();
    Arrays.setAll(out, i -> x[i] + gate[i] * branch[i]);
    return out;
  }

  /** layerNorm(x)·(1 + scale) + shift. */
  public static double[] modulate(double[] x, double[] shift, double[] scale) {
    double mean = Arrays.stream(x).average().orElseThrow();
    double variance = Arrays.stream(x).map(v -> (v - mean) * (v - mean)).average().orElseThrow();
    double[] out = new double[x.length];
    Arrays.setAll(out, i -> (x[i] - mean) / Math.sqrt(variance + EPS) * (1 + scale[i]) + shift[i]);
    return out;
  }

  /** Each part of the width of {@code weight} to a mean square of 1, times the weight. */
  public static double[] norm(double[] x, double[] weight) {
    return norm(x, weight, EPS);
  }

  public static double[] norm(double[] x, double[] weight, double epsilon) {
    double[] out = new double[x.length];
    for (int from = 0; from < x.length; from += weight.length) {
      double squares = 0;
      for (int i = 0; i < weight.length; i++) {
        squares += x[from + i] * x[from + i] / weight.length;
      }
      for (int i = 0; i < weight.length; i++) {
        out[from + i] = x[from + i] * weight[i] / Math.sqrt(squares + epsilon);
      }
    }
    return out;
  }

  /**
   * Neighbours of each head as complex numbers, turned.
   *
   * @param rotations cosine and sine for each pair of a head
   */
  public static double[] turn(double[] x, double[] rotations) {
    double[] out = new double[x.length];
    for (int i = 0; i < x.length; i += 2) {
      double cos = rotations[i % rotations.length];
      double sin = rotations[i % rotations.length + 1];
      out[i] = x[i] * cos - x[i + 1] * sin;
      out[i + 1] = x[i] * sin + x[i + 1] * cos;
    }
    return out;
  }

  /** What each token, by its queries, takes of the values of all. */
  public static double[][] attend(double[][] q, double[][] k, double[][] v, int headWidth) {
    double[][] out = new double[q.length][q[0].length];
    for (int head = 0; head < q[0].length; head += headWidth) {
      for (int i = 0; i < q.length; i++) {
        attend(q[i], k, v, head, headWidth, out[i]);
      }
    }
    return out;
  }

  private static void attend(
      double[] q, double[][] k, double[][] v, int head, int headWidth, double[] out) {
    double[] scores = new double[k.length];
    double sum = 0;
    for (int j = 0; j < k.length; j++) {
      double dot = 0;
      for (int d = head; d < head + headWidth; d++) {
        dot += q[d] * k[j][d];
      }
      scores[j] = Math.exp(dot / Math.sqrt(headWidth));
      sum += scores[j];
    }
    for (int j = 0; j < k.length; j++) {
      for (int d = head; d < head + headWidth; d++) {
        out[d] += scores[j] / sum * v[j][d];
      }
    }
  }

  /** Equal parts of x. */
  public static double[][] chunks(double[] x, int count) {
    int size = x.length / count;
    double[][] chunks = new double[count][];
    Arrays.setAll(chunks, i -> Arrays.copyOfRange(x, i * size, (i + 1) * size));
    return chunks;
  }
}
