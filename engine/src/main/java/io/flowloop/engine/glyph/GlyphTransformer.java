package io.flowloop.engine.glyph;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Dtype;
import io.flowloop.engine.Kernels;
import io.flowloop.engine.Mmdit;
import io.flowloop.engine.MmditNames;
import io.flowloop.engine.Pipeline;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.stream.Stream;

/**
 * The embedded model's transformer: an {@link Mmdit} with grey pixels for latents, and with sine
 * positions that are added to them, for a free image size.
 */
final class GlyphTransformer {

  /** Longest wavelength of the positions' sine features. */
  private static final double MAX_PERIOD = 10_000;

  /** A stream's tensors but its modulation, in their order. */
  private static final List<String> STREAM =
      List.of(
          "to_qkv.weight",
          "to_qkv.bias",
          "norm_q.weight",
          "norm_k.weight",
          "to_out.weight",
          "to_out.bias",
          "mlp.0.weight",
          "mlp.0.bias",
          "mlp.2.weight",
          "mlp.2.bias");

  /** A stream's layers that may have an adapter; q, k and v are one. */
  private static final List<String> LAYERS = List.of("to_qkv", "", "", "to_out", "mlp.0", "mlp.2");

  private GlyphTransformer() {}

  /**
   * Puts {@code weights} on the device of {@code manager}, which owns them.
   *
   * @param rows image tokens in a column: height / patch
   * @param columns image tokens in a line: width / patch
   */
  static Mmdit create(
      Kernels kernels, NDManager manager, GlyphWeights weights, int rows, int columns) {
    int width = weights.config().width();
    return new Mmdit(
        kernels,
        manager,
        onDevice(weights, manager),
        names(weights.config().depth()),
        new Positions(
            manager.create(
                positions(rows, columns, width), new Shape((long) rows * columns, width)),
            manager.create(new float[0])),
        Dtype.FLOAT32,
        width);
  }

  private static SequencedMap<String, NDArray> onDevice(GlyphWeights weights, NDManager manager) {
    SequencedMap<String, NDArray> tensors = new LinkedHashMap<>();
    GlyphWeights.layout(weights.config())
        .forEach(
            (name, shape) ->
                tensors.put(name, manager.create(weights.values(name), new Shape(shape))));
    return tensors;
  }

  /**
   * The tokens of prompts.
   *
   * @param ids (k, L), int64
   * @return (k, L, D)
   */
  static NDArray embed(Kernels kernels, Mmdit network, NDArray ids) {
    Map<String, NDArray> weights = network.parameters();
    return kernels.one(
        "word_embedding",
        ids,
        Stream.of("text_embed.token.weight", "text_embed.position.weight")
            .map(name -> Objects.requireNonNull(weights.get(name), name))
            .toList());
  }

  private static MmditNames names(int depth) {
    List<String> modulation = new ArrayList<>();
    List<String> blocks = new ArrayList<>();
    List<String> adapted = new ArrayList<>();
    for (int block = 0; block < depth; block++) {
      for (String stream : List.of("image.", "text.")) {
        String prefix = "blocks." + block + "." + stream;
        modulation.addAll(dense(prefix + "mod"));
        STREAM.forEach(tensor -> blocks.add(prefix + tensor));
        LAYERS.forEach(layer -> adapted.add(layer.isEmpty() ? "" : prefix + layer));
      }
    }
    modulation.addAll(dense("output.mod"));
    List<String> time = new ArrayList<>(dense("time_embed.0"));
    time.addAll(dense("time_embed.2"));
    return new MmditNames(
        time, dense("image_embed"), List.of(), modulation, blocks, adapted, dense("output.proj"));
  }

  private static List<String> dense(String layer) {
    return List.of(layer + ".weight", layer + ".bias");
  }

  /** The layers that may have adapters, by name. */
  static SequencedMap<String, Pipeline.Layer> layers(GlyphConfig config) {
    Map<String, List<Long>> layout = GlyphWeights.layout(config);
    SequencedMap<String, Pipeline.Layer> layers = new LinkedHashMap<>();
    for (String name : names(config.depth()).adapted()) {
      List<Long> shape = layout.get(name + ".weight");
      if (shape != null) {
        layers.put(name, new Pipeline.Layer(shape.get(0), shape.get(1)));
      }
    }
    return layers;
  }

  /**
   * Places that are added.
   *
   * @param added (S, D)
   * @param none no elements
   */
  private record Positions(NDArray added, NDArray none) implements Mmdit.Places {

    @Override
    public NDArray rotations(int text) {
      return none;
    }
  }

  /** Sine features of each token's line and column, a half of the width each: (S, D). */
  private static float[] positions(int rows, int columns, int width) {
    float[] positions = new float[rows * columns * width];
    float[] frequencies = frequencies(width / 4);
    for (int token = 0; token < rows * columns; token++) {
      int at = token * width;
      at = sines(positions, at, token / columns, frequencies);
      sines(positions, at, token % columns, frequencies);
    }
    return positions;
  }

  private static float[] frequencies(int count) {
    float[] frequencies = new float[count];
    for (int i = 0; i < count; i++) {
      frequencies[i] = (float) Math.pow(MAX_PERIOD, -(double) i / count);
    }
    return frequencies;
  }

  private static int sines(float[] target, int at, int position, float[] frequencies) {
    for (int i = 0; i < frequencies.length; i++) {
      target[at + i] = (float) Math.sin(position * frequencies[i]);
      target[at + frequencies.length + i] = (float) Math.cos(position * frequencies[i]);
    }
    return at + 2 * frequencies.length;
  }
}
