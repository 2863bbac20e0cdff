package io.flowloop.engine.qwenimage;

import static io.flowloop.engine.TwinArithmetic.norm;
import static io.flowloop.engine.TwinArithmetic.silu;
import static io.flowloop.engine.TwinArithmetic.sum;

import io.flowloop.engine.TwinArithmetic;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;

/**
 * The text encoder written again in plain double arithmetic, token by token, from the
 * architecture's description and not from the kernels: what they are checked against.
 *
 * @param weights by the names of {@link QwenTextEncoder#layout}
 */
record TextTwin(TextEncoderConfig config, Map<String, double[]> weights) {

  /** The features of every token, those of the template included: (L, D). */
  double[][] encode(long[] ids) {
    int d = config.width();
    double[][] tokens = new double[ids.length][d];
    for (int t = 0; t < ids.length; t++) {
      for (int i = 0; i < d; i++) {
        tokens[t][i] = weight("embed_tokens.weight")[(int) ids[t] * d + i];
      }
    }
    for (int layer = 0; layer < config.depth(); layer++) {
      String prefix = "layers." + layer + ".";
      double[][] attended = attend(prefix, tokens);
      for (int t = 0; t < ids.length; t++) {
        double[] mixed = sum(tokens[t], linear(attended[t], prefix + "self_attn.o_proj"));
        tokens[t] = sum(mixed, mlp(prefix, normed(mixed, prefix + "post_attention_layernorm")));
      }
    }
    for (int t = 0; t < ids.length; t++) {
      tokens[t] = normed(tokens[t], "norm");
    }
    return tokens;
  }

  private double[][] attend(String prefix, double[][] tokens) {
    int d = config.width();
    int width = d / config.heads();
    double[][] q = new double[tokens.length][];
    double[][] k = new double[tokens.length][];
    double[][] v = new double[tokens.length][];
    for (int t = 0; t < tokens.length; t++) {
      double[] x = normed(tokens[t], prefix + "input_layernorm");
      q[t] = rotated(linear(x, prefix + "self_attn.q_proj"), t);
      k[t] = rotated(linear(x, prefix + "self_attn.k_proj"), t);
      v[t] = linear(x, prefix + "self_attn.v_proj");
    }
    double[][] attended = new double[tokens.length][d];
    for (int head = 0; head < config.heads(); head++) {
      int from = head * width;
      int keys = head * config.keyValueHeads() / config.heads() * width;
      for (int t = 0; t < tokens.length; t++) {
        double sum = 0;
        double[] scores = new double[t + 1];
        for (int s = 0; s <= t; s++) {
          double dot = 0;
          for (int i = 0; i < width; i++) {
            dot += q[t][from + i] * k[s][keys + i];
          }
          scores[s] = Math.exp(dot / Math.sqrt(width));
          sum += scores[s];
        }
        for (int s = 0; s <= t; s++) {
          for (int i = 0; i < width; i++) {
            attended[t][from + i] += scores[s] / sum * v[s][keys + i];
          }
        }
      }
    }
    return attended;
  }

  /** Each head as complex numbers, the imaginary parts behind all real ones, turned. */
  private double[] rotated(double[] heads, int position) {
    int width = config.width() / config.heads();
    double[] rotated = new double[heads.length];
    for (int from = 0; from < heads.length; from += width) {
      for (int i = 0; i < width / 2; i++) {
        double angle = position / Math.pow(config.ropeTheta(), 2.0 * i / width);
        double re = heads[from + i];
        double im = heads[from + width / 2 + i];
        rotated[from + i] = re * Math.cos(angle) - im * Math.sin(angle);
        rotated[from + width / 2 + i] = re * Math.sin(angle) + im * Math.cos(angle);
      }
    }
    return rotated;
  }

  private double[] mlp(String prefix, double[] x) {
    double[] gate = silu(linear(x, prefix + "mlp.gate_proj"));
    double[] up = linear(x, prefix + "mlp.up_proj");
    Arrays.setAll(gate, i -> gate[i] * up[i]);
    return linear(gate, prefix + "mlp.down_proj");
  }

  private double[] normed(double[] x, String name) {
    return norm(x, weight(name + ".weight"), config.epsilon());
  }

  private double[] linear(double[] x, String name) {
    double[] weight = weight(name + ".weight");
    return weights.containsKey(name + ".bias")
        ? TwinArithmetic.linear(x, weight, weight(name + ".bias"))
        : TwinArithmetic.linear(x, weight);
  }

  private double[] weight(String name) {
    return Objects.requireNonNull(weights.get(name), name);
  }
}
