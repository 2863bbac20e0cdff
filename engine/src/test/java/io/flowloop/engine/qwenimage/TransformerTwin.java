package io.flowloop.engine.qwenimage;

import static io.flowloop.engine.TwinArithmetic.attend;
import static io.flowloop.engine.TwinArithmetic.chunks;
import static io.flowloop.engine.TwinArithmetic.gate;
import static io.flowloop.engine.TwinArithmetic.gelu;
import static io.flowloop.engine.TwinArithmetic.modulate;
import static io.flowloop.engine.TwinArithmetic.norm;
import static io.flowloop.engine.TwinArithmetic.silu;
import static io.flowloop.engine.TwinArithmetic.turn;

import io.flowloop.engine.TwinArithmetic;
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

  /** Queries, keys and values of all tokens. */
  private record Heads(double[][] q, double[][] k, double[][] v) {}

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
      text[t] = linear(norm(text[t], weight("txt_norm.weight")), "txt_in");
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
    int tokens = image.length + text.length;
    Heads heads = new Heads(new double[tokens][], new double[tokens][], new double[tokens][]);
    for (int s = 0; s < image.length; s++) {
      put(heads, s, prefix, Stream.IMAGE, modulate(image[s], imageMod[0], imageMod[1]));
    }
    for (int t = 0; t < text.length; t++) {
      put(heads, image.length + t, prefix, Stream.TEXT, modulate(text[t], textMod[0], textMod[1]));
    }
    double[][] attended = attend(heads.q, heads.k, heads.v, config.headWidth());
    for (int s = 0; s < image.length; s++) {
      image[s] = finish(prefix, Stream.IMAGE, image[s], attended[s], imageMod);
    }
    for (int t = 0; t < text.length; t++) {
      text[t] = finish(prefix, Stream.TEXT, text[t], attended[image.length + t], textMod);
    }
  }

  private void put(Heads heads, int token, String prefix, Stream stream, double[] x) {
    String attention = prefix + "attn.";
    double[] rotations = rotations(token);
    double[] q =
        norm(linear(x, attention + stream.q), weight(attention + stream.normQ + ".weight"));
    double[] k =
        norm(linear(x, attention + stream.k), weight(attention + stream.normK + ".weight"));
    heads.q[token] = turn(q, rotations);
    heads.k[token] = turn(k, rotations);
    heads.v[token] = linear(x, attention + stream.v);
  }

  /** Of a token's head, the image's tokens first. */
  private double[] rotations(int token) {
    if (token < rows * columns) {
      return rotations(
          0, token / columns - (rows - rows / 2), token % columns - (columns - columns / 2));
    }
    int place = Math.max(rows / 2, columns / 2) + token - rows * columns;
    return rotations(place, place, place);
  }

  private double[] rotations(int... places) {
    double[] rotations = new double[config.headWidth()];
    int at = 0;
    for (int axis = 0; axis < places.length; axis++) {
      int width = config.ropeAxes().get(axis);
      for (int i = 0; i < width; i += 2) {
        double angle = places[axis] / Math.pow(10_000, (double) i / width);
        rotations[at++] = Math.cos(angle);
        rotations[at++] = Math.sin(angle);
      }
    }
    return rotations;
  }

  private double[] finish(
      String prefix, Stream stream, double[] x, double[] attended, double[][] mod) {
    double[] mixed = gate(x, mod[2], linear(attended, prefix + "attn." + stream.out));
    String mlp = prefix + stream.mlp;
    double[] hidden = gelu(linear(modulate(mixed, mod[3], mod[4]), mlp + ".net.0.proj"));
    return gate(mixed, mod[5], linear(hidden, mlp + ".net.2"));
  }

  private double[] linear(double[] x, String name) {
    return TwinArithmetic.linear(x, weight(name + ".weight"), weight(name + ".bias"));
  }

  private double[] weight(String name) {
    return Objects.requireNonNull(weights.get(name), name);
  }
}
