package io.flowloop.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * The names of a low-rank adapter's tensors: A (rank, in) and B (out, rank) of a layer, which add
 * (x·Aᵀ)·Bᵀ to what it answers. They are peft's.
 */
public final class LowRank {

  private static final String A = ".lora_A.weight";
  private static final String B = ".lora_B.weight";

  private LowRank() {}

  /** The name of a layer's A. */
  public static String a(String layer) {
    return layer + A;
  }

  /** The name of a layer's B. */
  public static String b(String layer) {
    return layer + B;
  }

  /** Whether a tensor of this name is an adapter's. */
  public static boolean isAdapter(String name) {
    return name.endsWith(A) || name.endsWith(B);
  }

  /** The layer that an adapter's tensor belongs to. */
  public static String layer(String name) {
    return name.substring(0, name.length() - A.length());
  }

  /** The rank of an adapter with tensors of these shapes; empty if they are of no dense layer. */
  static OptionalLong rank(List<Long> a, List<Long> b) {
    boolean fit = a.size() == 2 && b.size() == 2 && a.get(0).equals(b.get(1)) && a.get(0) > 0;
    return fit ? OptionalLong.of(a.get(0)) : OptionalLong.empty();
  }

  /**
   * Why tensors are not adapters of a model; nothing if they are.
   *
   * @param layers the model's
   * @param shapes of the tensors, by name
   */
  static List<String> problems(Map<String, Pipeline.Layer> layers, Map<String, List<Long>> shapes) {
    List<String> strangers = new ArrayList<>();
    SortedSet<String> adapted = new TreeSet<>();
    for (String name : new TreeSet<>(shapes.keySet())) {
      if (isAdapter(name) && layers.containsKey(layer(name))) {
        adapted.add(layer(name));
      } else {
        strangers.add(name);
      }
    }
    List<String> problems = new ArrayList<>();
    if (!strangers.isEmpty()) {
      problems.add(
          "%s %s (expected: an adapter of one of %d layers)"
              .formatted(
                  strangers.size() == 1 ? "tensor" : "tensors",
                  ModelProblems.several(strangers),
                  layers.size()));
    }
    for (String name : adapted) {
      Pipeline.Layer layer = layers.get(name);
      List<Long> a = shapes.get(a(name));
      List<Long> b = shapes.get(b(name));
      if (layer != null && (a == null || b == null || !fits(layer, a, b))) {
        problems.add(
            "adapter of %s with shapes %s and %s (expected: [rank, %d] and [%d, rank])"
                .formatted(
                    name, a == null ? "none" : a, b == null ? "none" : b, layer.in(), layer.out()));
      }
    }
    return problems;
  }

  private static boolean fits(Pipeline.Layer layer, List<Long> a, List<Long> b) {
    return rank(a, b).isPresent() && a.get(1) == layer.in() && b.get(0) == layer.out();
  }
}
