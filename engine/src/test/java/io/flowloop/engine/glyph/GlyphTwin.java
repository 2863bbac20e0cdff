package io.flowloop.engine.glyph;

import static io.flowloop.engine.TwinArithmetic.chunks;
import static io.flowloop.engine.TwinArithmetic.gate;
import static io.flowloop.engine.TwinArithmetic.gelu;
import static io.flowloop.engine.TwinArithmetic.modulate;
import static io.flowloop.engine.TwinArithmetic.norm;
import static io.flowloop.engine.TwinArithmetic.silu;

import io.flowloop.engine.TwinArithmetic;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * The glyph network written again in plain double arithmetic, one row at a time, from the
 * architecture's description and not from the kernels: what they are checked against.
 */
public final class GlyphTwin {

  private final GlyphConfig config;
  private final Map<String, double[]> weights = new LinkedHashMap<>();
  private final int width;
  private final int rows;
  private final int columns;

  public GlyphTwin(GlyphWeights weights, int rows, int columns) {
    this.config = weights.config();
    weights.tensors().forEach((name, values) -> set(name, TwinArithmetic.doubles(values)));
    this.width = config.width();
    this.rows = rows;
    this.columns = columns;
  }

  /** Computes with these weights from now on. */
  public void set(String name, double[] values) {
    weights.put(name, values);
  }

  /** The numbers of one tensor, which may be written to. */
  public double[] weight(String name) {
    return Objects.requireNonNull(weights.get(name), name);
  }

  /** S·C numbers. */
  public double[] velocity(float[] latents, double sigma, String prompt) {
    return velocity(latents, sigma, GlyphTokenizer.ids(prompt));
  }

  /**
   * The velocity of the negative prompt, led by {@code scale} towards the prompt's: S·C numbers.
   */
  public double[] guided(float[] latents, double sigma, String prompt, double scale) {
    double[] velocity = velocity(latents, sigma, prompt);
    if (scale != 1) {
      double[] away = velocity(latents, sigma, GlyphTokenizer.NOTHING);
      for (int i = 0; i < velocity.length; i++) {
        velocity[i] = (1 - scale) * away[i] + scale * velocity[i];
      }
    }
    return velocity;
  }

  private double[] velocity(float[] latents, double sigma, long[] ids) {
    double[] c = conditioning(sigma);
    double[][] image = image(latents);
    double[][] text = text(ids);
    for (int block = 0; block < config.depth(); block++) {
      String prefix = "blocks." + block + ".";
      double[][] imageMod = chunks(linear(c, prefix + "image.mod"), 6);
      double[][] textMod = chunks(linear(c, prefix + "text.mod"), 6);
      double[][] attended = attend(prefix, text, textMod, image, imageMod);
      for (int t = 0; t < text.length; t++) {
        text[t] = finish(prefix + "text", text[t], attended[t], textMod);
      }
      for (int s = 0; s < image.length; s++) {
        image[s] = finish(prefix + "image", image[s], attended[text.length + s], imageMod);
      }
    }
    double[][] mod = chunks(linear(c, "output.mod"), 2);
    double[] velocity = new double[latents.length];
    for (int s = 0; s < image.length; s++) {
      double[] out = linear(modulate(image[s], mod[0], mod[1]), "output.proj");
      System.arraycopy(out, 0, velocity, s * out.length, out.length);
    }
    return velocity;
  }

  private double[] conditioning(double sigma) {
    double[] features = new double[width];
    for (int i = 0; i < width / 2; i++) {
      double angle = 1000 * sigma * Math.pow(10_000, -2.0 * i / width);
      features[i] = Math.cos(angle);
      features[width / 2 + i] = Math.sin(angle);
    }
    return silu(linear(silu(linear(features, "time_embed.0")), "time_embed.2"));
  }

  private double[][] image(float[] latents) {
    int channels = latents.length / (rows * columns);
    double[][] tokens = new double[rows * columns][];
    for (int s = 0; s < tokens.length; s++) {
      double[] patch = new double[channels];
      for (int i = 0; i < channels; i++) {
        patch[i] = latents[s * channels + i];
      }
      tokens[s] = linear(patch, "image_embed");
      int quarter = width / 4;
      int line = s / columns;
      int column = s % columns;
      for (int i = 0; i < quarter; i++) {
        double frequency = Math.pow(10_000, -(double) i / quarter);
        tokens[s][i] += Math.sin(line * frequency);
        tokens[s][quarter + i] += Math.cos(line * frequency);
        tokens[s][2 * quarter + i] += Math.sin(column * frequency);
        tokens[s][3 * quarter + i] += Math.cos(column * frequency);
      }
    }
    return tokens;
  }

  private double[][] text(long[] ids) {
    double[][] tokens = new double[ids.length][width];
    for (int t = 0; t < ids.length; t++) {
      for (int i = 0; i < width; i++) {
        tokens[t][i] =
            weight("text_embed.token.weight")[(int) ids[t] * width + i]
                + weight("text_embed.position.weight")[t * width + i];
      }
    }
    return tokens;
  }

  /** Joint attention over text and image tokens, the text first. */
  private double[][] attend(
      String prefix, double[][] text, double[][] textMod, double[][] image, double[][] imageMod) {
    int n = text.length + image.length;
    double[][] q = new double[n][];
    double[][] k = new double[n][];
    double[][] v = new double[n][];
    for (int i = 0; i < n; i++) {
      boolean isText = i < text.length;
      double[][] mod = isText ? textMod : imageMod;
      double[] x = isText ? text[i] : image[i - text.length];
      String stream = prefix + (isText ? "text" : "image");
      double[][] qkv = chunks(linear(modulate(x, mod[0], mod[1]), stream + ".to_qkv"), 3);
      q[i] = norm(qkv[0], weight(stream + ".norm_q.weight"));
      k[i] = norm(qkv[1], weight(stream + ".norm_k.weight"));
      v[i] = qkv[2];
    }
    return TwinArithmetic.attend(q, k, v, width / config.heads());
  }

  private double[] finish(String stream, double[] x, double[] attended, double[][] mod) {
    double[] mixed = gate(x, mod[2], linear(attended, stream + ".to_out"));
    double[] hidden = gelu(linear(modulate(mixed, mod[3], mod[4]), stream + ".mlp.0"));
    return gate(mixed, mod[5], linear(hidden, stream + ".mlp.2"));
  }

  private double[] linear(double[] x, String name) {
    return TwinArithmetic.linear(x, weight(name + ".weight"), weight(name + ".bias"));
  }
}
