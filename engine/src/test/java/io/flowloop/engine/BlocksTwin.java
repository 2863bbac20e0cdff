package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
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

  private final int width;
  private final int headWidth;
  private final List<double[]> weights;
  private final List<double[]> adapters;

  /** The arguments of {@link FusedBlocks}, whatever their dtype. */
  BlocksTwin(int width, int headWidth, List<NDArray> weights, List<NDArray> adapters) {
    this.width = width;
    this.headWidth = headWidth;
    this.weights =
        weights.stream().map(tensor -> TwinArithmetic.doubles(tensor.toFloatArray())).toList();
    this.adapters =
        adapters.stream().map(tensor -> TwinArithmetic.doubles(tensor.toFloatArray())).toList();
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
      double[][] imageQkv = layer(normed(x, modulation, part), 2 * block, 0);
      double[][] textQkv = layer(normed(y, modulation, part + 6), 2 * block + 1, 0);
      double[][] attended = attended(block, imageQkv, textQkv, rotations);
      x = finished(x, Arrays.copyOfRange(attended, 0, x.length), 2 * block, modulation, part);
      double[][] rest = Arrays.copyOfRange(attended, x.length, attended.length);
      y = finished(y, rest, 2 * block + 1, modulation, part + 6);
    }
    return normed(x, modulation, PARTS * blocks);
  }

  private double[][] finished(
      double[][] x, double[][] attended, int stream, double[] modulation, int part) {
    double[][] mixed = gated(x, layer(attended, stream, 4), modulation, part + 2);
    double[][] up = layer(normed(mixed, modulation, part + 3), stream, 6);
    double[][] active = map(up, TwinArithmetic::gelu);
    return gated(mixed, layer(active, stream, 8), modulation, part + 5);
  }

  private static double[][] map(double[][] x, UnaryOperator<double[]> function) {
    return Arrays.stream(x).map(function).toArray(double[][]::new);
  }

  private double[][] gated(double[][] x, double[][] y, double[] modulation, int part) {
    double[][] sum = new double[x.length][];
    Arrays.setAll(sum, i -> TwinArithmetic.gate(x[i], part(modulation, part), y[i]));
    return sum;
  }

  private double[][] normed(double[][] x, double[] modulation, int part) {
    // What is given is 1 + scale already.
    double[] scale = Arrays.stream(part(modulation, part + 1)).map(factor -> factor - 1).toArray();
    return map(x, token -> TwinArithmetic.modulate(token, part(modulation, part), scale));
  }

  private double[] part(double[] modulation, int part) {
    return Arrays.copyOfRange(modulation, part * width, (part + 1) * width);
  }

  /** A dense layer of a stream, its bias and its adapters. */
  private double[][] layer(double[][] x, int stream, int at) {
    double[] weight = weights.get(stream * STREAM + at);
    double[] bias = weights.get(stream * STREAM + at + 1);
    double[][] y = map(x, token -> TwinArithmetic.linear(token, weight, bias));
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
        for (int i = 0; i < x.length; i++) {
          double[] more = TwinArithmetic.linear(TwinArithmetic.linear(x[i], a), b);
          for (int j = 0; j < more.length; j++) {
            y[i][pair * width + j] += more[j];
          }
        }
      }
    }
  }

  private double[][] attended(int block, double[][] image, double[][] text, double[] rotations) {
    int tokens = image.length + text.length;
    double[][] q = new double[tokens][];
    double[][] k = new double[tokens][];
    double[][] v = new double[tokens][];
    for (int i = 0; i < tokens; i++) {
      boolean isImage = i < image.length;
      double[][] qkv = TwinArithmetic.chunks(isImage ? image[i] : text[i - image.length], 3);
      int norms = block * BLOCK + (isImage ? 0 : STREAM) + 2;
      double[] turns = Arrays.copyOfRange(rotations, i * headWidth, (i + 1) * headWidth);
      q[i] = TwinArithmetic.turn(TwinArithmetic.norm(qkv[0], weights.get(norms)), turns);
      k[i] = TwinArithmetic.turn(TwinArithmetic.norm(qkv[1], weights.get(norms + 1)), turns);
      v[i] = qkv[2];
    }
    return TwinArithmetic.attend(q, k, v, headWidth);
  }
}
