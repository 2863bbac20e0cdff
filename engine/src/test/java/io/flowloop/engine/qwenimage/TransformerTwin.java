package io.flowloop.engine.qwenimage;

import java.util.Map;
import java.util.Objects;

/**
 * The transformer written again in plain double arithmetic, one row at a time, from the
 * architecture's description and not from the kernels: what they are checked against.
 *
 * @param weights by the file's names
 * @param rows image tokens in a column
 * @param columns image tokens in a line
 */
record TransformerTwin(
    TransformerConfig config, Map<String, double[]> weights, int rows, int columns) {

  private static final double EPS = 1e-6;

  /** The tokens of a stream on their way: its names in a block, and what turns their heads. */
  private record Stream(
      String q, String k, String v, String normQ, String normK, String out, String mlp) {

    static final Stream IMAGE =
        new Stream("to_q", "to_k", "to_v", "norm_q", "norm_k", "to_out.0", "img_mlp");
    static final Stream TEXT =
        new Stream(
            "add_q_proj",
            "add_k_proj",
            "add_v_proj",
            "norm_added_q",
            "norm_added_k",
            "to_add_out",
            "txt_mlp");
  }

  /** Queries, keys and values of a token. */
  private record Heads(double[] q, double[] k, double[] v) {}

  /**
   * The velocity of a row: S·C numbers.
   *
   * @param latents S·C
   * @param prompt L·textWidth
   */
  double[] velocity(float[] latents, double sigma, float[] prompt) {
    double[] c = silu(timestep(sigma));
    double[][] image = tokens(latents, config.channels());
    double[][] text = tokens(prompt, config.textWidth());
    for (int s = 0; s < image.length; s++) {
      image[s] = linear(image[s], "img_in");
    }
    for (int t = 0; t < text.length; t++) {
      normHeads(text[t], weight("txt_norm.weight"));
      text[t] = linear(text[t], "txt_in");
    }
    for (int block = 0; block < config.depth(); block++) {
      block("transformer_blocks." + block + ".", c, image, text);
    }
    // The scale stands before the shift here.
    double[][] mod = chunks(linear(c, "norm_out.linear"), 2);
    double[] velocity = new double[latents.length];
    for (int s = 0; s < image.length; s++) {
      double[] out = linear(modulate(image[s], mod[1], mod[0]), "proj_out");
      System.arraycopy(out, 0, velocity, s * out.length, out.length);
    }
    return velocity;
  }

  private double[] timestep(double sigma) {
    int half = TransformerConfig.TIME_FEATURES / 2;
    double[] features = new double[2 * half];
    for (int i = 0; i < half; i++) {
      double angle = 1000 * sigma * Math.pow(10_000, -(double) i / half);
      features[i] = Math.cos(angle);
      features[half + i] = Math.sin(angle);
    }
    String embedder = "time_text_embed.timestep_embedder.";
    return linear(silu(linear(features, embedder + "linear_1")), embedder + "linear_2");
  }

  private static double[][] tokens(float[] numbers, int width) {
    double[][] tokens = new double[numbers.length / width][width];
    for (int i = 0; i < numbers.length; i++) {
      tokens[i / width][i % width] = numbers[i];
    }
    return tokens;
  }

  private void block(String prefix, double[] c, double[][] image, double[][] text) {
    double[][] imageMod = chunks(linear(c, prefix + "img_mod.1"), 6);
    double[][] textMod = chunks(linear(c, prefix + "txt_mod.1"), 6);
    Heads[] heads = new Heads[image.length + text.length];
    for (int s = 0; s < image.length; s++) {
      heads[s] = heads(prefix, Stream.IMAGE, image[s], imageMod, imageAngles(s));
    }
    for (int t = 0; t < text.length; t++) {
      heads[image.length + t] = heads(prefix, Stream.TEXT, text[t], textMod, textAngles(t));
    }
    double[][] attended = attend(heads);
    for (int s = 0; s < image.length; s++) {
      image[s] = finish(prefix, Stream.IMAGE, image[s], attended[s], imageMod);
    }
    for (int t = 0; t < text.length; t++) {
      text[t] = finish(prefix, Stream.TEXT, text[t], attended[image.length + t], textMod);
    }
  }

  private double[] imageAngles(int s) {
    return angles(0, s / columns - (rows - rows / 2), s % columns - (columns - columns / 2));
  }

  private double[] textAngles(int t) {
    int place = Math.max(rows / 2, columns / 2) + t;
    return angles(place, place, place);
  }

  /** What each pair of a head's features turns by. */
  private double[] angles(int... places) {
    double[] angles = new double[config.headWidth() / 2];
    int at = 0;
    for (int axis = 0; axis < places.length; axis++) {
      int width = config.ropeAxes().get(axis);
      for (int i = 0; i < width; i += 2) {
        angles[at++] = places[axis] / Math.pow(10_000, (double) i / width);
      }
    }
    return angles;
  }

  private Heads heads(String prefix, Stream stream, double[] x, double[][] mod, double[] angles) {
    double[] modulated = modulate(x, mod[0], mod[1]);
    String attention = prefix + "attn.";
    double[] q = linear(modulated, attention + stream.q);
    double[] k = linear(modulated, attention + stream.k);
    normHeads(q, weight(attention + stream.normQ + ".weight"));
    normHeads(k, weight(attention + stream.normK + ".weight"));
    turn(q, angles);
    turn(k, angles);
    return new Heads(q, k, linear(modulated, attention + stream.v));
  }

  /** Neighbours of each head as complex numbers, turned. */
  private void turn(double[] x, double[] angles) {
    for (int i = 0; i < x.length; i += 2) {
      double angle = angles[i / 2 % angles.length];
      double re = x[i];
      double im = x[i + 1];
      x[i] = re * Math.cos(angle) - im * Math.sin(angle);
      x[i + 1] = re * Math.sin(angle) + im * Math.cos(angle);
    }
  }

  private double[][] attend(Heads[] tokens) {
    int head = config.headWidth();
    double[][] out = new double[tokens.length][config.width()];
    for (int from = 0; from < config.width(); from += head) {
      for (int i = 0; i < tokens.length; i++) {
        double[] scores = new double[tokens.length];
        double sum = 0;
        for (int j = 0; j < tokens.length; j++) {
          double dot = 0;
          for (int d = from; d < from + head; d++) {
            dot += tokens[i].q[d] * tokens[j].k[d];
          }
          scores[j] = Math.exp(dot / Math.sqrt(head));
          sum += scores[j];
        }
        for (int j = 0; j < tokens.length; j++) {
          for (int d = from; d < from + head; d++) {
            out[i][d] += scores[j] / sum * tokens[j].v[d];
          }
        }
      }
    }
    return out;
  }

  private double[] finish(
      String prefix, Stream stream, double[] x, double[] attended, double[][] mod) {
    double[] mixed = gate(x, mod[2], linear(attended, prefix + "attn." + stream.out));
    String mlp = prefix + stream.mlp;
    double[] hidden = linear(modulate(mixed, mod[3], mod[4]), mlp + ".net.0.proj");
    for (int i = 0; i < hidden.length; i++) {
      double h = hidden[i];
      hidden[i] = h / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (h + 0.044715 * h * h * h)));
    }
    return gate(mixed, mod[5], linear(hidden, mlp + ".net.2"));
  }

  private static double[] gate(double[] x, double[] gate, double[] branch) {
    double[] out = x.clone();
    for (int i = 0; i < out.length; i++) {
      out[i] += gate[i] * branch[i];
    }
    return out;
  }

  private static double[] modulate(double[] x, double[] shift, double[] scale) {
    double mean = 0;
    double squares = 0;
    for (double value : x) {
      mean += value / x.length;
    }
    for (double value : x) {
      squares += (value - mean) * (value - mean) / x.length;
    }
    double[] out = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      out[i] = (x[i] - mean) / Math.sqrt(squares + EPS) * (1 + scale[i]) + shift[i];
    }
    return out;
  }

  /** Each part of the width of {@code weight} to a mean square of 1, times the weight. */
  private static void normHeads(double[] x, double[] weight) {
    for (int from = 0; from < x.length; from += weight.length) {
      double squares = 0;
      for (int i = 0; i < weight.length; i++) {
        squares += x[from + i] * x[from + i] / weight.length;
      }
      for (int i = 0; i < weight.length; i++) {
        x[from + i] *= weight[i] / Math.sqrt(squares + EPS);
      }
    }
  }

  private double[] linear(double[] x, String name) {
    double[] weight = weight(name + ".weight");
    double[] bias = weight(name + ".bias");
    double[] out = bias.clone();
    for (int o = 0; o < out.length; o++) {
      for (int i = 0; i < x.length; i++) {
        out[o] += weight[o * x.length + i] * x[i];
      }
    }
    return out;
  }

  private static double[] silu(double[] x) {
    double[] out = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      out[i] = x[i] / (1 + Math.exp(-x[i]));
    }
    return out;
  }

  private static double[][] chunks(double[] x, int count) {
    double[][] chunks = new double[count][x.length / count];
    for (int i = 0; i < x.length; i++) {
      chunks[i / (x.length / count)][i % (x.length / count)] = x[i];
    }
    return chunks;
  }

  private double[] weight(String name) {
    return Objects.requireNonNull(weights.get(name), name);
  }
}
