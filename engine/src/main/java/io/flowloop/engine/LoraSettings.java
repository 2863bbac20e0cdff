package io.flowloop.engine;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.ToDoubleBiFunction;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * What peft says of adapters beside their tensors: ranks, and the factor that B gets.
 *
 * @param origin what problems call it
 * @param rank of the layers that no rule is for
 * @param alpha of the layers that no rule is for
 * @param ranks rules for others
 * @param alphas rules for others
 * @param rootScaled whether alpha is divided by the rank's square root instead of the rank
 */
record LoraSettings(
    String origin,
    int rank,
    double alpha,
    List<Rule> ranks,
    List<Rule> alphas,
    boolean rootScaled) {

  /**
   * A number for some layers; of several rules the first one that fits holds.
   *
   * @param layers the end of their names, from a dot on
   */
  record Rule(Pattern layers, double value) {}

  /** What both are if nothing is said. */
  private static final int DEFAULT = 8;

  /** Ways to begin that change the model's weights too, by how their names begin. */
  private static final List<String> CHANGES_MODEL =
      List.of("pissa", "olora", "corda", "loftq", "lora_ga");

  public LoraSettings {
    ranks = List.copyOf(ranks);
    alphas = List.copyOf(alphas);
  }

  /**
   * Reads them.
   *
   * @param json peft's keys, or the same with {@code transformer.} before each, as diffusers writes
   */
  static LoraSettings of(String origin, JsonSettings json) {
    String prefix =
        json.keys().stream().anyMatch(key -> key.startsWith(LoraFile.TRANSFORMER))
            ? LoraFile.TRANSFORMER
            : "";
    if (!json.text(prefix + "peft_type", "LORA").equals("LORA")) {
      json.problem(prefix + "peft_type", "LORA");
    }
    for (String flag : List.of("use_dora", "lora_bias")) {
      if (json.flag(prefix + flag, false)) {
        json.problem(prefix + flag, "false");
      }
    }
    String beginning = prefix + "init_lora_weights";
    if (json.hasText(beginning)
        && CHANGES_MODEL.stream().anyMatch(json.text(beginning, "")::startsWith)) {
      json.problem(
          beginning, "one that leaves the model's weights alone; convert it to plain LoRA");
    }
    return new LoraSettings(
        origin,
        json.integerOr(prefix + "r", 1, DEFAULT),
        json.number(prefix + "lora_alpha", DEFAULT),
        rules(json, prefix + "rank_pattern", (rules, layers) -> rules.integer(layers, 1)),
        rules(json, prefix + "alpha_pattern", JsonSettings::number),
        json.flag(prefix + "use_rslora", false));
  }

  private static List<Rule> rules(
      JsonSettings json, String key, ToDoubleBiFunction<JsonSettings, String> value) {
    return json.under(key).stream()
        .flatMap(
            rules ->
                rules.keys().stream()
                    .map(
                        layers ->
                            new Rule(pattern(rules, layers), value.applyAsDouble(rules, layers))))
        .toList();
  }

  private static Pattern pattern(JsonSettings rules, String layers) {
    try {
      return Pattern.compile("(?:.*\\.)?(?:%s)".formatted(layers));
    } catch (PatternSyntaxException e) {
      rules.problem(layers, "a regular expression for a key; " + e.getDescription());
      return Pattern.compile(Pattern.quote(layers));
    }
  }

  /**
   * The factor of a layer's B.
   *
   * @param found the rank that the layer's tensors have
   */
  double scale(String layer, long found, ModelProblems problems) {
    long said = (long) first(ranks, layer, rank);
    if (said != found) {
      problems.add(
          "adapter of %s: rank %d (expected: %d, as %s says)"
              .formatted(layer, found, said, origin));
    }
    double divisor = rootScaled ? Math.sqrt((double) found) : (double) found;
    return first(alphas, layer, alpha) / divisor;
  }

  private static double first(List<Rule> rules, String layer, double otherwise) {
    return rules.stream()
        .filter(rule -> rule.layers.matcher(layer).matches())
        .mapToDouble(Rule::value)
        .findFirst()
        .orElse(otherwise);
  }

  /**
   * Settings with which each factor is 1, as diffusers keeps them in a file.
   *
   * @param ranks of the adapted layers, one or more
   */
  static String render(SortedMap<String, Long> ranks) {
    SortedMap<Long, Integer> counts = new TreeMap<>();
    ranks.values().forEach(rank -> counts.merge(rank, 1, Integer::sum));
    long common =
        Collections.max(counts.entrySet(), Map.Entry.<Long, Integer>comparingByValue()).getKey();
    JsonArray layers = new JsonArray();
    JsonObject others = new JsonObject();
    ranks.forEach(
        (layer, rank) -> {
          layers.add(layer);
          if (rank != common) {
            // Without the ^ the rule would also hold for layers whose names end like this one.
            others.addProperty("^" + layer, rank);
          }
        });
    JsonObject json = new JsonObject();
    json.add(LoraFile.TRANSFORMER + "alpha_pattern", others);
    json.addProperty(LoraFile.TRANSFORMER + "lora_alpha", common);
    json.addProperty(LoraFile.TRANSFORMER + "r", common);
    json.add(LoraFile.TRANSFORMER + "rank_pattern", others);
    json.add(LoraFile.TRANSFORMER + "target_modules", layers);
    return json.toString();
  }
}
