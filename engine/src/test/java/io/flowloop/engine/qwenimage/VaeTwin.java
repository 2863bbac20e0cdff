package io.flowloop.engine.qwenimage;

import java.util.Map;
import java.util.Objects;

/**
 * The VAE written again in plain double arithmetic, one image at a time, from the architecture's
 * description and not from the layers or kernels: what they are checked against. Features are
 * {@code [channel][line][column]}.
 */
final class VaeTwin {

  private final VaeConfig config;
  private final Map<String, float[]> weights;

  VaeTwin(VaeConfig config, Map<String, float[]> weights) {
    this.config = config;
    this.weights = weights;
  }

  /** The image, 3·H·W numbers in [−1, 1], of C·h·w latents. */
  double[] decode(float[] latents, int height, int width) {
    double[][][] x = convolve(features(latents, height, width), "post_quant_conv", 1);
    x = middle(convolve(x, "decoder.conv_in", 1), "decoder");
    int resolutions = config.dimMult().size();
    for (int up = 0; up < resolutions; up++) {
      String name = "decoder.up_blocks." + up;
      for (int block = 0; block <= config.numResBlocks(); block++) {
        x = residual(x, name + ".resnets." + block);
      }
      if (up < resolutions - 1) {
        x = convolve(doubled(x), name + ".upsamplers.0.resample.1", 1);
      }
    }
    double[] image = flat(head(x, "decoder.norm_out", "decoder.conv_out"), 3);
    for (int i = 0; i < image.length; i++) {
      image[i] = Math.clamp(image[i], -1, 1);
    }
    return image;
  }

  /** The means, C·h·w numbers, of the latents of an image of 3·H·W numbers. */
  double[] encode(float[] image, int height, int width) {
    double[][][] x = convolve(features(image, height, width), "encoder.conv_in", 1);
    int index = 0;
    int resolutions = config.dimMult().size();
    for (int down = 0; down < resolutions; down++) {
      for (int block = 0; block < config.numResBlocks(); block++) {
        x = residual(x, "encoder.down_blocks." + index++);
        if (config.attnScales().contains(Math.pow(0.5, down))) {
          x = attend(x, "encoder.down_blocks." + index++);
        }
      }
      if (down < resolutions - 1) {
        x = convolve(x, "encoder.down_blocks." + index++ + ".resample.1", 2);
      }
    }
    x = head(middle(x, "encoder"), "encoder.norm_out", "encoder.conv_out");
    return flat(convolve(x, "quant_conv", 1), config.zDim());
  }

  private double[][][] middle(double[][][] x, String part) {
    double[][][] before = residual(x, part + ".mid_block.resnets.0");
    double[][][] attended = attend(before, part + ".mid_block.attentions.0");
    return residual(attended, part + ".mid_block.resnets.1");
  }

  private double[][][] residual(double[][][] x, String name) {
    double[][][] branch = head(x, name + ".norm1", name + ".conv1");
    branch = head(branch, name + ".norm2", name + ".conv2");
    boolean sameWidth = x.length == branch.length;
    return sum(sameWidth ? x : convolve(x, name + ".conv_shortcut", 1), branch);
  }

  private double[][][] head(double[][][] x, String norm, String convolution) {
    double[][][] y = norm(x, norm);
    for (double[][] plane : y) {
      for (double[] line : plane) {
        for (int i = 0; i < line.length; i++) {
          line[i] /= 1 + Math.exp(-line[i]);
        }
      }
    }
    return convolve(y, convolution, 1);
  }

  private double[][][] norm(double[][][] x, String name) {
    float[] gamma = weight(name + ".gamma");
    double[][][] y = new double[x.length][x[0].length][x[0][0].length];
    for (int line = 0; line < x[0].length; line++) {
      for (int column = 0; column < x[0][0].length; column++) {
        double squares = 0;
        for (double[][] plane : x) {
          squares += plane[line][column] * plane[line][column];
        }
        for (int c = 0; c < x.length; c++) {
          y[c][line][column] =
              x[c][line][column] / Math.sqrt(squares) * Math.sqrt(x.length) * gamma[c];
        }
      }
    }
    return y;
  }

  private double[][][] attend(double[][][] x, String name) {
    int width = x.length;
    double[][][] qkv = convolve(norm(x, name + ".norm"), name + ".to_qkv", 1);
    int columns = x[0][0].length;
    int pixels = x[0].length * columns;
    double[][][] attended = new double[width][x[0].length][columns];
    for (int i = 0; i < pixels; i++) {
      double[] scores = new double[pixels];
      double sum = 0;
      for (int j = 0; j < pixels; j++) {
        double dot = 0;
        for (int c = 0; c < width; c++) {
          dot += qkv[c][i / columns][i % columns] * qkv[width + c][j / columns][j % columns];
        }
        scores[j] = Math.exp(dot / Math.sqrt(width));
        sum += scores[j];
      }
      for (int j = 0; j < pixels; j++) {
        for (int c = 0; c < width; c++) {
          attended[c][i / columns][i % columns] +=
              scores[j] / sum * qkv[2 * width + c][j / columns][j % columns];
        }
      }
    }
    return sum(x, convolve(attended, name + ".proj", 1));
  }

  /** Of a weight over 3 frames the first two meet the zeros that are before the only frame. */
  private double[][][] convolve(double[][][] x, String name, int stride) {
    float[] weight = weight(name + ".weight");
    float[] bias = weight(name + ".bias");
    int volume = weight.length / bias.length / x.length;
    int edge = volume == 1 ? 1 : 3;
    int lastFrame = volume - edge * edge;
    int before = stride == 1 ? edge / 2 : 0;
    double[][][] y = new double[bias.length][x[0].length / stride][x[0][0].length / stride];
    for (int out = 0; out < y.length; out++) {
      for (int line = 0; line < y[0].length; line++) {
        for (int column = 0; column < y[0][0].length; column++) {
          double sum = bias[out];
          for (int in = 0; in < x.length; in++) {
            int kernel = (out * x.length + in) * volume + lastFrame;
            for (int i = 0; i < edge * edge; i++) {
              int fromLine = line * stride - before + i / edge;
              int fromColumn = column * stride - before + i % edge;
              sum += weight[kernel + i] * pixel(x[in], fromLine, fromColumn);
            }
          }
          y[out][line][column] = sum;
        }
      }
    }
    return y;
  }

  private static double pixel(double[][] plane, int line, int column) {
    boolean inside = line >= 0 && line < plane.length && column >= 0 && column < plane[0].length;
    return inside ? plane[line][column] : 0;
  }

  private static double[][][] doubled(double[][][] x) {
    double[][][] y = new double[x.length][2 * x[0].length][2 * x[0][0].length];
    for (int c = 0; c < y.length; c++) {
      for (int line = 0; line < y[0].length; line++) {
        for (int column = 0; column < y[0][0].length; column++) {
          y[c][line][column] = x[c][line / 2][column / 2];
        }
      }
    }
    return y;
  }

  private static double[][][] sum(double[][][] x, double[][][] branch) {
    double[][][] y = new double[x.length][x[0].length][x[0][0].length];
    for (int c = 0; c < y.length; c++) {
      for (int line = 0; line < y[0].length; line++) {
        for (int column = 0; column < y[0][0].length; column++) {
          y[c][line][column] = x[c][line][column] + branch[c][line][column];
        }
      }
    }
    return y;
  }

  private static double[][][] features(float[] values, int height, int width) {
    double[][][] x = new double[values.length / height / width][height][width];
    for (int i = 0; i < values.length; i++) {
      x[i / width / height][i / width % height][i % width] = values[i];
    }
    return x;
  }

  /** The first channels, row by row. */
  private static double[] flat(double[][][] x, int channels) {
    int height = x[0].length;
    int width = x[0][0].length;
    double[] values = new double[channels * height * width];
    for (int i = 0; i < values.length; i++) {
      values[i] = x[i / width / height][i / width % height][i % width];
    }
    return values;
  }

  private float[] weight(String name) {
    return Objects.requireNonNull(weights.get(name), name);
  }
}
