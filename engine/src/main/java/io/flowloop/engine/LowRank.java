package io.flowloop.engine;

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
}
