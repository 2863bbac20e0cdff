package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The blocks of {@link FusedBlocks} written once more in plain loops and doubles, for one row: what
 * both kinds of fusions are checked against.
 */
final class BlocksTwin {

  private static final int BLOCK = 20;
  private static final int STREAM = 10;
  private static final int ADAPTERS = 12;
  private static final int PARTS = 12;
  private static final double EPS = 1e-6;

  private final int width;
  private final int headWidth;
  private final List<double[]> weights;
  private final List<double[]> adapters;

  /** The arguments of {@link FusedBlocks}, whatever their dtype. */
  BlocksTwin(int width, int headWidth, List<NDArray> weights, List<NDArray> adapters) {
    this.width = width;
    this.headWidth = headWidth;
    this.weights = weights.stream().map(BlocksTwin::numbers).toList();
    this.adapters = adapters.stream().map(BlocksTwin::numbers).toList();
  }

  private static double[] numbers(NDArray tensor) {
    float[] floats = tensor.toFloatArray();
    double[] numbers = new double[floats.length];
    Arrays.setAll(numbers, i -> floats[i]);
    return numbers;
  }

  /**
   * The normalized image tokens behind the last block: (S, D).
   *
   * @param image (S, D)
   * @param text (L, D), without what stands behind it
   * @param modulation (M)
   * @param rotations (S + L, width of a head / 2, 2)
   */
  double[][] through(double[][] image, double[][] text, double[] modulation, double[] rotations) {
    double[][] x = image;
    double[][] y = text;
    int blocks = weights.size() / BLOCK;
    for (int block = 0; block < blocks; block++) {
      int part = PARTS * block;
      double[][] imageQkv = layer(normed(x, modulation, part), 2 * block, 0, 3 * width);
      double[][] textQkv = layer(normed(y, modulation, part + 6), 2 * block + 1, 0, 3 * width);
      double[][] attended = attended(block, imageQkv, textQkv, rotations);
      x = finished(x, Arrays.copyOfRange(attended, 0, x.length), 2 * block, modulation, part);
      double[][] rest = Arrays.copyOfRange(attended, x.length, attended.length);
      y = finished(y, rest, 2 * block + 1, modulation, part + 6);
    }
    return normed(x, modulation, PARTS * blocks);
  }

  private double[][] finished(
      double[][] x, double[][] attended, int stream, double[] modulation, int part) {
    double[][] mixed = gated(x, layer(attended, stream, 4, width), modulation, part + 2);
    int hidden = weights.get(stream * STREAM + 7).length;
    double[][] up = layer(normed(mixed, modulation, part + 3), stream, 6, hidden);
    double[][] active = map(up, BlocksTwin::gelu);
    return gated(mixed, layer(active, stream, 8, width), modulation, part + 5);
  }

  private static double[] gelu(double[] x) {
    return Arrays.stream(x)
        .map(v -> v / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v))))
        .toArray();
  }

  private static double[][] map(double[][] x, UnaryOperator<double[]> function) {
    return Arrays.stream(x).map(function).toArray(double[][]::new);
  }

  private double[][] gated(double[][] x, double[][] y, double[] modulation, int part) {
    double[][] sum = new double[x.length][width];
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < width; j++) {
        sum[i][j] = x[i][j] + modulation[part * width + j] * y[i][j];
      }
    }
    return sum;
  }

  private double[][] normed(double[][] x, double[] modulation, int part) {
    return map(
        x,
        token -> {
          double mean = Arrays.stream(token).average().orElseThrow();
          double variance =
              Arrays.stream(token).map(v -> (v - mean) * (v - mean)).average().orElseThrow();
          double[] y = new double[width];
          for (int j = 0; j < width; j++) {
            y[j] =
                (token[j] - mean) / Math.sqrt(variance + EPS) * modulation[(part + 1) * width + j]
                    + modulation[part * width + j];
          }
          return y;
        });
  }

  /** A dense layer of a stream, its bias and its adapters. */
  private double[][] layer(double[][] x, int stream, int at, int out) {
    double[] weight = weights.get(stream * STREAM + at);
    double[] bias = weights.get(stream * STREAM + at + 1);
    double[][] y = map(x, token -> product(weight, token, out));
    for (double[] token : y) {
      Arrays.setAll(token, j -> token[j] + bias[j]);
    }
    if (!adapters.isEmpty()) {
      int pair = at == 0 ? 0 : at / 2 + 1;
      adapt(y, x, stream * ADAPTERS + 2 * pair, at == 0 ? 3 : 1);
    }
    return y;
  }

  private void adapt(double[][] y, double[][] x, int at, int pairs) {
    for (int pair = 0; pair < pairs; pair++) {
      double[] a = adapters.get(at + 2 * pair);
      double[] b = adapters.get(at + 2 * pair + 1);
      if (a.length > 0) {
        int rank = a.length / x[0].length;
        for (int i = 0; i < x.length; i++) {
          double[] more = product(b, product(a, x[i], rank), b.length / rank);
          for (int j = 0; j < more.length; j++) {
            y[i][pair * width + j] += more[j];
          }
        }
      }
    }
  }

  private static double[] product(double[] weight, double[] x, int out) {
    double[] y = new double[out];
    for (int row = 0; row < out; row++) {
      for (int j = 0; j < x.length; j++) {
        y[row] += weight[row * x.length + j] * x[j];
      }
    }
    return y;
  }

  private double[][] attended(int block, double[][] image, double[][] text, double[] rotations) {
    List<double[]> queries = new ArrayList<>();
    List<double[]> keys = new ArrayList<>();
    List<double[]> values = new ArrayList<>();
    for (int i = 0; i < image.length + text.length; i++) {
      boolean isImage = i < image.length;
      double[] qkv = isImage ? image[i] : text[i - image.length];
      int norms = block * BLOCK + (isImage ? 0 : STREAM) + 2;
      double[] angles = Arrays.copyOfRange(rotations, i * headWidth, (i + 1) * headWidth);
      queries.add(turned(Arrays.copyOfRange(qkv, 0, width), weights.get(norms), angles));
      keys.add(turned(Arrays.copyOfRange(qkv, width, 2 * width), weights.get(norms + 1), angles));
      values.add(Arrays.copyOfRange(qkv, 2 * width, 3 * width));
    }
    double[][] attended = new double[queries.size()][width];
    for (int head = 0; head < width; head += headWidth) {
      for (int i = 0; i < attended.length; i++) {
        attend(queries.get(i), keys, values, head, attended[i]);
      }
    }
    return attended;
  }

  private double[] turned(double[] x, double[] norm, double[] angles) {
    double[] y = new double[width];
    for (int head = 0; head < width; head += headWidth) {
      double squares = 0;
      for (int j = 0; j < headWidth; j++) {
        squares += x[head + j] * x[head + j];
      }
      double root = Math.sqrt(squares / headWidth + EPS);
      for (int j = 0; j < headWidth; j += 2) {
        double real = x[head + j] / root * norm[j];
        double imaginary = x[head + j + 1] / root * norm[j + 1];
        y[head + j] = real * angles[j] - imaginary * angles[j + 1];
        y[head + j + 1] = real * angles[j + 1] + imaginary * angles[j];
      }
    }
    return y;
  }

  private void attend(
      double[] query, List<double[]> keys, List<double[]> values, int head, double[] out) {
    double[] scores = new double[keys.size()];
    for (int i = 0; i < scores.length; i++) {
      for (int j = head; j < head + headWidth; j++) {
        scores[i] += query[j] * keys.get(i)[j] / Math.sqrt(headWidth);
      }
    }
    double total = Arrays.stream(scores).map(Math::exp).sum();
    for (int i = 0; i < scores.length; i++) {
      for (int j = head; j < head + headWidth; j++) {
        out[j] += Math.exp(scores[i]) / total * values.get(i)[j];
      }
    }
  }
}
