package io.flowloop.engine.qwenimage;

import io.flowloop.engine.JsonSettings;
import io.flowloop.engine.ModelProblems;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The architecture of the language model that encodes prompts: that of Qwen2.5-VL.
 *
 * @param vocabulary how many token ids there are
 * @param width D, features of a token
 * @param depth layers
 * @param heads heads of the queries, which divide the width into even parts
 * @param keyValueHeads heads of keys and values, each of which as many queries share
 * @param hidden features inside an MLP
 * @param ropeTheta θ of the rotations by position: pair i of W features turns by θ^(−2i / W) a
 *     token
 * @param epsilon is added to the mean square in a norm
 */
record TextEncoderConfig(
    int vocabulary,
    int width,
    int depth,
    int heads,
    int keyValueHeads,
    int hidden,
    double ropeTheta,
    double epsilon) {

  private static final String MODEL = "qwen2_5_vl";

  /** What transformers has for a setting that is not there. */
  private static final double THETA = 1e6;

  private static final double EPSILON = 1e-5;

  /** Rotations without a scaling; the sections of mrope differ for pictures alone. */
  private static final List<String> ROPES = List.of("default", "mrope");

  TextEncoderConfig {
    if (vocabulary < 1 || depth < 1 || hidden < 1 || !(ropeTheta > 0) || !(epsilon >= 0)) {
      throw new IllegalArgumentException(
          "text encoder: vocabulary %d, depth %d, hidden %d, rope theta %s, epsilon %s (expected: 1"
                  .formatted(vocabulary, depth, hidden, ropeTheta, epsilon)
              + " or more of each, a theta above 0, an epsilon of 0 or more)");
    }
    if (!isDivided(width, heads) || !isShared(heads, keyValueHeads)) {
      throw new IllegalArgumentException(
          "text encoder: width %d, %d heads, %d of keys and values (expected: heads that divide the"
                  .formatted(width, heads, keyValueHeads)
              + " width into even parts, and are a multiple of those of keys and values)");
    }
  }

  private static boolean isDivided(int width, int heads) {
    return width >= 1 && heads >= 1 && width % heads == 0 && width / heads % 2 == 0;
  }

  private static boolean isShared(int heads, int keyValueHeads) {
    return keyValueHeads >= 1 && heads % keyValueHeads == 0;
  }

  /**
   * The architecture that a {@code text_encoder/config.json} describes, in either of its forms:
   * flat, or under {@code text_config}.
   *
   * @param problems is told what is missing or of another model
   * @return empty if there are problems
   */
  static Optional<TextEncoderConfig> of(JsonSettings settings, ModelProblems problems) {
    int before = problems.found().size();
    if (!settings.text("model_type", "").equals(MODEL)) {
      settings.problem("model_type", MODEL);
    }
    JsonSettings text = settings.under("text_config").orElse(settings);
    int vocabulary = text.integer("vocab_size", 1);
    int width = text.integer("hidden_size", 1);
    int depth = text.integer("num_hidden_layers", 1, TransformerConfig.MAX_DEPTH);
    int heads = text.integer("num_attention_heads", 1);
    int keyValueHeads = text.integerOr("num_key_value_heads", 1, heads);
    int hidden = text.integer("intermediate_size", 1);
    double theta = theta(text, settings);
    double epsilon = text.number("rms_norm_eps", EPSILON);
    checkLayers(text, epsilon);
    if (problems.found().size() == before) {
      checkHeads(text, width, heads, keyValueHeads);
    }
    return problems.found().size() > before
        ? Optional.empty()
        : Optional.of(
            new TextEncoderConfig(
                vocabulary, width, depth, heads, keyValueHeads, hidden, theta, epsilon));
  }

  private static void checkHeads(JsonSettings text, int width, int heads, int keyValueHeads) {
    if (!isDivided(width, heads)) {
      text.problem("num_attention_heads", "to cut hidden_size, %d, evenly".formatted(width));
    } else if (!isShared(heads, keyValueHeads)) {
      text.problem("num_key_value_heads", "a divisor of num_attention_heads, " + heads);
    }
  }

  /** Versions of the format differ in where they say it. */
  private static double theta(JsonSettings text, JsonSettings whole) {
    List<JsonSettings> levels = text == whole ? List.of(text) : List.of(text, whole);
    List<JsonSettings> places = new ArrayList<>();
    for (JsonSettings level : levels) {
      for (String key : List.of("rope_parameters", "rope_scaling")) {
        level.under(key).ifPresent(places::add);
      }
    }
    places.forEach(TextEncoderConfig::checkType);
    places.addAll(levels);
    JsonSettings place =
        places.stream().filter(found -> found.has("rope_theta")).findFirst().orElse(text);
    double theta = place.number("rope_theta", THETA);
    if (theta <= 0) {
      place.problem("rope_theta", "more than 0");
    }
    return theta;
  }

  private static void checkType(JsonSettings rope) {
    for (String key : List.of("rope_type", "type")) {
      if (!ROPES.contains(rope.text(key, ROPES.getFirst()))) {
        rope.problem(key, String.join(" or ", ROPES));
      }
    }
  }

  private static void checkLayers(JsonSettings text, double epsilon) {
    if (epsilon < 0) {
      text.problem("rms_norm_eps", "0 or more");
    }
    if (!text.text("hidden_act", "silu").equals("silu")) {
      text.problem("hidden_act", "silu");
    }
    if (text.flag("use_sliding_window", false)) {
      text.problem("use_sliding_window", "false, for every token sees all before it");
    }
    if (!text.texts("layer_types").stream().allMatch("full_attention"::equals)) {
      text.problem("layer_types", "full_attention alone");
    }
  }
}
