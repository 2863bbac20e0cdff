package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The weights of an {@link Mmdit} in the order in which its kernels take them.
 *
 * @param adapters both tensors of each adapter, without elements where there is none; empty if all
 *     are
 */
record MmditWeights(
    List<NDArray> time,
    List<NDArray> image,
    List<NDArray> text,
    List<NDArray> modulation,
    List<NDArray> blocks,
    List<NDArray> adapters,
    List<NDArray> output) {

  /** Tensors of a block's adapters. */
  private static final int ADAPTERS = 2 * MmditNames.ADAPTED;

  /**
   * @param parameters all that {@code names} says, by name, and adapters among them
   * @param none a tensor without elements
   */
  static MmditWeights of(Map<String, NDArray> parameters, MmditNames names, NDArray none) {
    return new MmditWeights(
        named(parameters, names.time()),
        named(parameters, names.image()),
        named(parameters, names.text()),
        named(parameters, names.modulation()),
        named(parameters, names.blocks()),
        adapters(parameters, names.adapted(), none),
        named(parameters, names.output()));
  }

  private static List<NDArray> named(Map<String, NDArray> parameters, List<String> names) {
    return names.stream().map(name -> Objects.requireNonNull(parameters.get(name), name)).toList();
  }

  private static List<NDArray> adapters(
      Map<String, NDArray> parameters, List<String> layers, NDArray none) {
    if (layers.stream().noneMatch(layer -> parameters.containsKey(LowRank.a(layer)))) {
      return List.of();
    }
    return layers.stream()
        .flatMap(layer -> Stream.of(LowRank.a(layer), LowRank.b(layer)))
        .map(name -> parameters.getOrDefault(name, none))
        .toList();
  }

  int depth() {
    return blocks.size() / MmditNames.BLOCK;
  }

  List<NDArray> block(int index) {
    return blocks.subList(index * MmditNames.BLOCK, (index + 1) * MmditNames.BLOCK);
  }

  /** Those of a block; empty if there are none at all. */
  List<NDArray> adapters(int block) {
    return adapters.isEmpty()
        ? adapters
        : adapters.subList(block * ADAPTERS, (block + 1) * ADAPTERS);
  }

  boolean textLearns() {
    return learns(Stream.of(text));
  }

  /** Whether anything in front of the blocks, or their modulation, takes gradients. */
  boolean embeddingsLearn() {
    return learns(Stream.of(text, image, time, modulation));
  }

  private static boolean learns(Stream<List<NDArray>> weights) {
    return weights.flatMap(List::stream).anyMatch(NDArray::hasGradient);
  }
}
