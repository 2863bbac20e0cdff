package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.flowloop.config.Dtype;
import io.flowloop.engine.Kernels;
import io.flowloop.engine.Mmdit;
import io.flowloop.engine.MmditNames;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Qwen-Image's transformer: an {@link Mmdit} whose heads turn with their place.
 *
 * <p>Queries, keys and values are one layer on the device, and the output's scale and shift stand
 * in the order of a block's: those weights have names of their own. All others have the file's.
 */
final class QwenImageTransformer {

  private static final String NORM_OUT = "norm_out.linear";
  private static final String SHIFT_SCALE = "norm_out.shift_scale";

  /** What a stream calls its layers in a block: those of the image and those of the text. */
  private static final List<Stream> STREAMS =
      List.of(
          new Stream(
              "img_mod.1",
              List.of("attn.to_q", "attn.to_k", "attn.to_v"),
              "attn.to_qkv",
              List.of("attn.norm_q", "attn.norm_k"),
              List.of("attn.to_out.0", "img_mlp.net.0.proj", "img_mlp.net.2")),
          new Stream(
              "txt_mod.1",
              List.of("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
              "attn.add_qkv_proj",
              List.of("attn.norm_added_q", "attn.norm_added_k"),
              List.of("attn.to_add_out", "txt_mlp.net.0.proj", "txt_mlp.net.2")));

  /**
   * A stream's names within a block.
   *
   * @param parts queries, keys and values
   * @param joined all three on the device
   * @param norms of queries and of keys
   * @param behind attention: the output and both layers of the MLP
   */
  private record Stream(
      String modulation,
      List<String> parts,
      String joined,
      List<String> norms,
      List<String> behind) {}

  private QwenImageTransformer() {}

  /** The names and shapes of all tensors of the file, block by block. */
  static SequencedMap<String, List<Long>> layout(TransformerConfig config) {
    long d = config.width();
    SequencedMap<String, List<Long>> layout = new LinkedHashMap<>();
    dense(layout, "time_text_embed.timestep_embedder.linear_1", d, TransformerConfig.TIME_FEATURES);
    dense(layout, "time_text_embed.timestep_embedder.linear_2", d, d);
    dense(layout, "img_in", d, config.channels());
    layout.put("txt_norm.weight", List.of((long) config.textWidth()));
    dense(layout, "txt_in", d, config.textWidth());
    for (int block = 0; block < config.depth(); block++) {
      for (Stream stream : STREAMS) {
        String prefix = prefix(block);
        dense(layout, prefix + stream.modulation, 6 * d, d);
        stream.parts.forEach(part -> dense(layout, prefix + part, d, d));
        stream.norms.forEach(
            norm -> layout.put(prefix + norm + ".weight", List.of((long) config.headWidth())));
        dense(layout, prefix + stream.behind.get(0), d, d);
        dense(layout, prefix + stream.behind.get(1), config.hidden(), d);
        dense(layout, prefix + stream.behind.get(2), d, config.hidden());
      }
    }
    dense(layout, NORM_OUT, 2 * d, d);
    dense(layout, "proj_out", config.channels(), d);
    return layout;
  }

  private static String prefix(int block) {
    return "transformer_blocks." + block + ".";
  }

  private static void dense(Map<String, List<Long>> layout, String layer, long out, long in) {
    layout.put(layer + ".weight", List.of(out, in));
    layout.put(layer + ".bias", List.of(out));
  }

  private static List<String> dense(String layer) {
    return List.of(layer + ".weight", layer + ".bias");
  }

  /** Where the tensors of a file come from. */
  @FunctionalInterface
  interface Source {

    /**
     * A tensor on the device, of no scope.
     *
     * @param name as in {@link #layout}
     */
    NDArray load(String name);
  }

  /**
   * The weights of the network, made one after the other of those of a file.
   *
   * @param manager owns what is returned
   */
  static SequencedMap<String, NDArray> weights(
      TransformerConfig config, Kernels kernels, NDManager manager, Source source) {
    SequencedMap<String, NDArray> weights = new LinkedHashMap<>();
    recipes(config)
        .forEach(
            (name, recipe) -> {
              NDList parts = new NDList(recipe.parts().stream().map(source::load).toList());
              if (recipe.kernel().isEmpty()) {
                weights.put(name, parts.singletonOrThrow());
              } else {
                weights.put(name, TensorScope.own(kernels.one(recipe.kernel(), parts), manager));
                parts.close();
              }
            });
    return weights;
  }

  /**
   * What a weight on the device is made of.
   *
   * @param kernel that makes it of its parts; empty for a part as it is
   */
  private record Recipe(String kernel, List<String> parts) {}

  /**
   * Where a weight of the file lies in those on the device.
   *
   * @param name the weight on the device
   * @param part which of its equal parts, from 0
   * @param parts how many it has; 0 for both halves, the second first
   */
  record Place(String name, int part, int parts) {

    /** The weight's numbers, of those on the device. */
    float[] of(float[] all) {
      if (parts == 0) {
        float[] swapped = Arrays.copyOfRange(all, all.length / 2, all.length + all.length / 2);
        System.arraycopy(all, 0, swapped, all.length / 2, all.length / 2);
        return swapped;
      }
      int size = all.length / parts;
      return Arrays.copyOfRange(all, part * size, (part + 1) * size);
    }
  }

  /** Where a weight of the file lies. */
  static Place place(String name) {
    if (name.startsWith(NORM_OUT)) {
      return new Place(name.replace(NORM_OUT, SHIFT_SCALE), 0, 0);
    }
    for (Stream stream : STREAMS) {
      for (int part = 0; part < stream.parts.size(); part++) {
        String layer = "." + stream.parts.get(part) + ".";
        if (name.contains(layer)) {
          return new Place(
              name.replace(layer, "." + stream.joined + "."), part, stream.parts.size());
        }
      }
    }
    return new Place(name, 0, 1);
  }

  private static SequencedMap<String, Recipe> recipes(TransformerConfig config) {
    SequencedMap<String, Recipe> recipes = new LinkedHashMap<>();
    for (String name : layout(config).keySet()) {
      recipes.put(name, new Recipe("", List.of(name)));
    }
    for (String kind : List.of(".weight", ".bias")) {
      for (int block = 0; block < config.depth(); block++) {
        String prefix = prefix(block);
        for (Stream stream : STREAMS) {
          List<String> parts = stream.parts.stream().map(part -> prefix + part + kind).toList();
          parts.forEach(recipes::remove);
          recipes.put(prefix + stream.joined + kind, new Recipe("joined", parts));
        }
      }
      recipes.remove(NORM_OUT + kind);
      recipes.put(SHIFT_SCALE + kind, new Recipe("swapped", List.of(NORM_OUT + kind)));
    }
    return recipes;
  }

  /**
   * The network.
   *
   * @param weights of {@link #weights}
   * @param dtype theirs
   * @param rows image tokens in a column
   * @param columns image tokens in a line
   */
  static Mmdit create(
      Kernels kernels,
      NDManager manager,
      TransformerConfig config,
      SequencedMap<String, NDArray> weights,
      Dtype dtype,
      int rows,
      int columns) {
    return new Mmdit(
        kernels,
        manager,
        weights,
        names(config.depth()),
        new QwenRope(manager, config.ropeAxes(), rows, columns),
        dtype,
        TransformerConfig.TIME_FEATURES);
  }

  private static MmditNames names(int depth) {
    List<String> modulation = new ArrayList<>();
    List<String> blocks = new ArrayList<>();
    List<String> adapted = new ArrayList<>();
    for (int block = 0; block < depth; block++) {
      String prefix = prefix(block);
      for (Stream stream : STREAMS) {
        modulation.addAll(dense(prefix + stream.modulation));
        blocks.addAll(dense(prefix + stream.joined));
        stream.norms.forEach(norm -> blocks.add(prefix + norm + ".weight"));
        stream.behind.forEach(layer -> blocks.addAll(dense(prefix + layer)));
        stream.parts.forEach(layer -> adapted.add(prefix + layer));
        stream.behind.forEach(layer -> adapted.add(prefix + layer));
      }
    }
    modulation.addAll(dense(SHIFT_SCALE));
    List<String> time = new ArrayList<>(dense("time_text_embed.timestep_embedder.linear_1"));
    time.addAll(dense("time_text_embed.timestep_embedder.linear_2"));
    List<String> text = new ArrayList<>(List.of("txt_norm.weight"));
    text.addAll(dense("txt_in"));
    return new MmditNames(
        time, dense("img_in"), text, modulation, blocks, adapted, dense("proj_out"));
  }

  /** The layers that may have adapters, by their published names. */
  static SequencedMap<String, Pipeline.Layer> layers(TransformerConfig config) {
    SequencedMap<String, List<Long>> layout = layout(config);
    SequencedMap<String, Pipeline.Layer> layers = new LinkedHashMap<>();
    for (String name : names(config.depth()).adapted()) {
      List<Long> shape = layout.getOrDefault(name + ".weight", List.of());
      layers.put(name, new Pipeline.Layer(shape.get(0), shape.get(1)));
    }
    return layers;
  }
}
