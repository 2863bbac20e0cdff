package io.flowloop.engine;

import java.util.List;

/**
 * What a model calls the weights of its {@link Mmdit}.
 *
 * @param time both layers of the timestep's embedding: weight, bias, weight, bias
 * @param image the image's embedding: weight, bias
 * @param text the text's embedding: norm, weight, bias; empty for text that is taken as it is
 * @param modulation of each block the image's weight and bias, then the text's; then the output's
 * @param blocks of each block the image's ten: qkv, its bias, norms of queries and of keys, output
 *     and MLP's two layers with their biases; then the text's
 * @param adapted of each block the image's layers that may have an adapter: q, k, v, output and
 *     both layers of the MLP; then the text's. Empty where there is none; in the place of q also a
 *     layer that is all of qkv
 * @param output weight, bias
 */
public record MmditNames(
    List<String> time,
    List<String> image,
    List<String> text,
    List<String> modulation,
    List<String> blocks,
    List<String> adapted,
    List<String> output) {

  /** Layers of a block that may have adapters. */
  static final int ADAPTED = 12;

  /** Tensors of a block without its modulation. */
  static final int BLOCK = 20;

  public MmditNames {
    time = List.copyOf(time);
    image = List.copyOf(image);
    text = List.copyOf(text);
    modulation = List.copyOf(modulation);
    blocks = List.copyOf(blocks);
    adapted = List.copyOf(adapted);
    output = List.copyOf(output);
    int depth = blocks.size() / BLOCK;
    if (time.size() != 4
        || image.size() != 2
        || !(text.isEmpty() || text.size() == 3)
        || depth < 1
        || blocks.size() != depth * BLOCK
        || modulation.size() != 4 * depth + 2
        || adapted.size() != depth * ADAPTED
        || output.size() != 2) {
      throw new IllegalArgumentException(
          "names: %d of time, %d image, %d text, %d modulation, %d blocks, %d adapted, %d output"
                  .formatted(
                      time.size(),
                      image.size(),
                      text.size(),
                      modulation.size(),
                      blocks.size(),
                      adapted.size(),
                      output.size())
              + " (expected: 4, 2, 0 or 3, 4 a block and 2, 20 a block, 12 a block, 2)");
    }
  }
}
