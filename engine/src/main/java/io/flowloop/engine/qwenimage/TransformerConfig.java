package io.flowloop.engine.qwenimage;

import io.flowloop.engine.JsonSettings;
import java.util.List;

/**
 * The architecture of a {@code QwenImageTransformer2DModel}: {@code transformer/config.json} of a
 * model folder.
 *
 * @param depth blocks
 * @param heads attention heads
 * @param headWidth features of a head, an even number
 * @param textWidth features of a prompt's token
 * @param channels C of packed latents: 2×2 cells of the VAE's channels
 * @param ropeAxes features of a head that turn with a token's frame, line and column: even numbers,
 *     0 for none, the width of a head together
 */
record TransformerConfig(
    int depth, int heads, int headWidth, int textWidth, int channels, List<Integer> ropeAxes) {

  static final String CLASS_NAME = "QwenImageTransformer2DModel";

  /** Sine and cosine features of the timestep together. */
  static final int TIME_FEATURES = 256;

  /** Width of the hidden layer of an MLP, in widths of a token. */
  private static final int MLP_RATIO = 4;

  private static final int AXES = 3;

  static final int MAX_DEPTH = 1000;

  /** Most features of a token: sizes of layers are ints. */
  static final int MAX_WIDTH = 1_000_000;

  TransformerConfig {
    ropeAxes = List.copyOf(ropeAxes);
    if (depth < 1
        || depth > MAX_DEPTH
        || heads < 1
        || textWidth < 1
        || channels < 1
        || !areAxes(ropeAxes)
        || sum(ropeAxes) != headWidth
        || (long) heads * headWidth > MAX_WIDTH) {
      throw new IllegalArgumentException(
          "transformer: depth %d, %d heads of %d, text width %d, channels %d, rope axes %s"
                  .formatted(depth, heads, headWidth, textWidth, channels, ropeAxes)
              + " (expected: 1 or more of each, at most %d deep and %d wide, three even axes, the"
                  .formatted(MAX_DEPTH, MAX_WIDTH)
              + " width of a head together)");
    }
  }

  private static boolean areAxes(List<Integer> axes) {
    return axes.size() == AXES
        && axes.stream().allMatch(axis -> axis >= 0 && axis % 2 == 0)
        && sum(axes) > 0;
  }

  private static int sum(List<Integer> axes) {
    return axes.stream().mapToInt(Integer::intValue).sum();
  }

  /** Reads {@code transformer/config.json}; what is wrong with it is told to its problems. */
  static TransformerConfig of(JsonSettings settings) {
    if (!settings.text("_class_name", "").equals(CLASS_NAME)) {
      settings.problem("_class_name", CLASS_NAME);
    }
    if (settings.integerOr("patch_size", 1, PackedLatents.PATCH) != PackedLatents.PATCH) {
      settings.problem("patch_size", Integer.toString(PackedLatents.PATCH));
    }
    for (String variant :
        List.of("guidance_embeds", "zero_cond_t", "use_additional_t_cond", "use_layer3d_rope")) {
      if (settings.flag(variant, false)) {
        settings.problem(variant, "false: a model that draws from a prompt alone");
      }
    }
    int channels = settings.integer("in_channels", 1);
    int cell = PackedLatents.PATCH * PackedLatents.PATCH;
    if (settings.integerOr("out_channels", 1, channels) * cell != channels) {
      settings.problem("out_channels", "a quarter of in_channels, which is " + channels);
    }
    int headWidth = settings.integer("attention_head_dim", 1);
    List<Integer> axes = settings.integers("axes_dims_rope", 0);
    if (!areAxes(axes) || sum(axes) != headWidth) {
      settings.problem(
          "axes_dims_rope",
          "three even numbers that are attention_head_dim together, which is " + headWidth);
      headWidth = AXES * 2;
      axes = List.of(2, 2, 2);
    }
    int heads = settings.integer("num_attention_heads", 1);
    if ((long) heads * headWidth > MAX_WIDTH) {
      settings.problem(
          "num_attention_heads", "%d features or less in all heads together".formatted(MAX_WIDTH));
      heads = 1;
    }
    return new TransformerConfig(
        settings.integer("num_layers", 1, MAX_DEPTH),
        heads,
        headWidth,
        settings.integer("joint_attention_dim", 1),
        channels,
        axes);
  }

  /** D, features of a token. */
  int width() {
    return heads * headWidth;
  }

  /** Features inside an MLP. */
  int hidden() {
    return MLP_RATIO * width();
  }

  /** How many numbers all weights are. */
  long parameters() {
    return QwenImageTransformer.layout(this).values().stream()
        .mapToLong(shape -> shape.stream().reduce(1L, Math::multiplyExact))
        .sum();
  }
}
