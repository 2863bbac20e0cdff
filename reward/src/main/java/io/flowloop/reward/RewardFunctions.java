package io.flowloop.reward;

import io.flowloop.config.Nearest;
import io.flowloop.config.RewardConfig;
import io.flowloop.config.RewardFunctionConfig;
import io.flowloop.config.VlmOcrConfig;
import io.flowloop.engine.RgbImage;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** The weighted sum of one or more {@link RewardFunction}s; threads may share it. */
public final class RewardFunctions implements AutoCloseable {

  private record Weighted(RewardFunction function, double weight) {}

  private final List<Weighted> functions;

  private RewardFunctions(List<Weighted> functions) {
    this.functions = functions;
  }

  /** The names of all functions on the class path, and of those with settings of their own. */
  public static Set<String> names() {
    Set<String> names = new TreeSet<>(onClassPath().keySet());
    names.add(VlmOcrConfig.NAME);
    return names;
  }

  /**
   * The sum that the settings name.
   *
   * @throws IllegalArgumentException for no function, an unknown name, or a setting that makes no
   *     sense
   */
  public static RewardFunctions of(RewardConfig settings) {
    return of(settings, Map.of());
  }

  /**
   * The sum that the settings name, and of others.
   *
   * @param others functions that need not be on the class path, with their weights; closed with the
   *     sum
   * @throws IllegalArgumentException for no function at all, an unknown name or one there twice, or
   *     a setting that makes no sense
   */
  public static RewardFunctions of(RewardConfig settings, Map<RewardFunction, Double> others) {
    SortedMap<String, RewardFunction> known = onClassPath();
    List<Weighted> functions = new ArrayList<>();
    settings
        .functions()
        .forEach(
            (name, function) ->
                functions.add(
                    switch (function) {
                      case RewardFunctionConfig.Weighted(double weight) ->
                          weighted(known, name, weight);
                      case VlmOcrConfig vlm ->
                          weighted(new VlmOcrReward(vlm, settings.timeout()), vlm.weight());
                    }));
    return sum(known, functions, others);
  }

  /**
   * The sum of the named functions, which have no settings of their own.
   *
   * @param weights what each function's score is multiplied by; 0 only reports the score
   * @throws IllegalArgumentException for no function, an unknown name, or a weight that is not
   *     finite
   */
  public static RewardFunctions of(Map<String, Double> weights) {
    return of(weights, Map.of());
  }

  /**
   * The sum of the named functions and of others.
   *
   * @param weights what the score of each function on the class path is multiplied by
   * @param others functions that need not be on the class path, with their weights; closed with the
   *     sum
   * @throws IllegalArgumentException for no function at all, an unknown name or one there twice, or
   *     a weight that is not finite
   */
  public static RewardFunctions of(
      Map<String, Double> weights, Map<RewardFunction, Double> others) {
    SortedMap<String, RewardFunction> known = onClassPath();
    List<Weighted> functions = new ArrayList<>();
    weights.forEach((name, weight) -> functions.add(weighted(known, name, weight)));
    return sum(known, functions, others);
  }

  private static RewardFunctions sum(
      SortedMap<String, RewardFunction> known,
      List<Weighted> functions,
      Map<RewardFunction, Double> others) {
    others.forEach((function, weight) -> functions.add(weighted(function, weight)));
    if (functions.isEmpty()) {
      throw new IllegalArgumentException(
          "reward functions: none (expected: a weight for at least one of %s)"
              .formatted(String.join(", ", known.keySet())));
    }
    Set<String> names = new HashSet<>();
    for (Weighted weighted : functions) {
      if (!names.add(weighted.function().name())) {
        throw new IllegalArgumentException(
            "reward function %s: two of that name (expected: one)"
                .formatted(weighted.function().name()));
      }
    }
    return new RewardFunctions(List.copyOf(functions));
  }

  /** The weight of each function, by its name, in their order. */
  public Map<String, Double> weights() {
    Map<String, Double> weights = new LinkedHashMap<>();
    functions.forEach(weighted -> weights.put(weighted.function().name(), weighted.weight()));
    return weights;
  }

  /**
   * All that scores depend on beside prompt and image, in one line for people: two processes score
   * the same if they say the same. Of most functions the name is all that they say.
   */
  public String identity() {
    return functions.stream()
        .map(weighted -> weighted.weight() + " " + weighted.function().identity())
        .collect(Collectors.joining(" + "));
  }

  /**
   * Scores an image with every function.
   *
   * @throws RewardException when one of them throws or answers NaN or an infinity
   */
  public Reward score(String prompt, RgbImage image) throws RewardException {
    Map<String, Double> parts = new LinkedHashMap<>();
    double total = 0;
    for (Weighted weighted : functions) {
      double part = part(weighted.function(), prompt, image);
      parts.put(weighted.function().name(), part);
      total += weighted.weight() * part;
    }
    return new Reward(finite("weighted sum of " + parts, total), parts);
  }

  /**
   * Checks that every function can score a prompt.
   *
   * @throws IllegalArgumentException naming what is wrong with the prompt
   */
  public void checkPrompt(String prompt) {
    functions.forEach(weighted -> weighted.function().checkPrompt(prompt));
  }

  /**
   * Frees what the functions loaded.
   *
   * @throws RuntimeException if one of them throws it; the others are freed nevertheless
   */
  @Override
  public void close() {
    List<RuntimeException> failures = new ArrayList<>();
    for (Weighted weighted : functions) {
      try {
        weighted.function().close();
      } catch (RuntimeException e) {
        failures.add(e);
      }
    }
    if (!failures.isEmpty()) {
      RuntimeException first = failures.getFirst();
      failures.stream().skip(1).forEach(first::addSuppressed);
      throw first;
    }
  }

  private static SortedMap<String, RewardFunction> onClassPath() {
    SortedMap<String, RewardFunction> known = new TreeMap<>();
    for (RewardFunction function : ServiceLoader.load(RewardFunction.class)) {
      RewardFunction other = known.put(function.name(), function);
      if (other != null) {
        throw new IllegalStateException(
            "reward function %s: both %s and %s (expected: one class of that name on the class path)"
                .formatted(
                    function.name(), other.getClass().getName(), function.getClass().getName()));
      }
    }
    return known;
  }

  private static Weighted weighted(
      SortedMap<String, RewardFunction> known, String name, double weight) {
    RewardFunction function = known.get(name);
    if (function == null) {
      throw new IllegalArgumentException(
          "reward function: %s (expected: one of %s)%s"
              .formatted(
                  name,
                  String.join(", ", known.keySet()),
                  Nearest.to(name, known.keySet())
                      .map(nearest -> "; did you mean " + nearest + "?")
                      .orElse("")));
    }
    return weighted(function, weight);
  }

  private static Weighted weighted(RewardFunction function, double weight) {
    if (!Double.isFinite(weight)) {
      throw new IllegalArgumentException(
          "weight of reward function %s: %s (expected: a finite number)"
              .formatted(function.name(), weight));
    }
    return new Weighted(function, weight);
  }

  private static double part(RewardFunction function, String prompt, RgbImage image)
      throws RewardException {
    String what = "reward function " + function.name();
    try {
      return finite(what, function.score(prompt, image));
    } catch (RewardException e) {
      throw e;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RewardException(what + " was interrupted", e);
    } catch (Exception | LinkageError e) {
      // A class or native library missing beside a user's jar fails that function, not the process.
      throw new RewardException(what + " failed: " + e, e);
    }
  }

  private static double finite(String what, double value) throws RewardException {
    if (!Double.isFinite(value)) {
      throw new RewardException(what + ": " + value + " (expected: a finite number)");
    }
    return value;
  }
}
