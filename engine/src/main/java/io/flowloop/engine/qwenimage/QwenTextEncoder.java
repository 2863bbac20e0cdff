package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.Kernels;
import io.flowloop.engine.TensorScope;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * The language model of Qwen2.5-VL as the encoder of prompts: what it makes of each token behind
 * its last norm. A decoder, so a token sees those before it; grouped-query attention, rotations by
 * position, norms before each part. The tower for pictures is no part of it.
 *
 * <p>A prompt is encoded by itself, without padding, so its embedding depends on nothing else.
 */
final class QwenTextEncoder {

  private static final String EMBEDDING = "embed_tokens.weight";
  private static final String NORM = "norm.weight";

  /** Names of the language model in files, the longer first: versions of the format differ. */
  private static final List<String> PREFIXES = List.of("model.language_model.", "model.");

  /** Names of what no prompt needs. */
  private static final List<String> UNUSED = List.of("model.visual.", "visual.", "lm_head.");

  private final Kernels kernels;
  private final NDManager manager;
  private final TextEncoderConfig config;
  private final NDArray embedding;
  private final List<List<NDArray>> layers = new ArrayList<>();
  private final NDArray norm;

  /**
   * The encoder with these weights, of which it owns none.
   *
   * @param manager where new tensors are made
   * @param weights by the names of {@link #layout}, all float32 or all bfloat16, in which it
   *     computes
   * @throws EngineException if a weight is missing
   */
  QwenTextEncoder(
      Kernels kernels, NDManager manager, TextEncoderConfig config, Map<String, NDArray> weights) {
    this.kernels = kernels;
    this.manager = manager;
    this.config = config;
    this.embedding = weight(weights, EMBEDDING);
    for (int layer = 0; layer < config.depth(); layer++) {
      layers.add(
          layerLayout(config, layer).keySet().stream().map(name -> weight(weights, name)).toList());
    }
    this.norm = weight(weights, NORM);
  }

  private static NDArray weight(Map<String, NDArray> weights, String name) {
    NDArray weight = weights.get(name);
    if (weight == null) {
      throw new EngineException(
          "text encoder: tensor %s (expected: among the %d given)".formatted(name, weights.size()));
    }
    return weight;
  }

  /** Names and shapes of the weights, by names that no file's spelling changes. */
  static SequencedMap<String, List<Long>> layout(TextEncoderConfig config) {
    long d = config.width();
    SequencedMap<String, List<Long>> layout = new LinkedHashMap<>();
    layout.put(EMBEDDING, List.of((long) config.vocabulary(), d));
    for (int layer = 0; layer < config.depth(); layer++) {
      layout.putAll(layerLayout(config, layer));
    }
    layout.put(NORM, List.of(d));
    return layout;
  }

  /** In the order in which the kernel takes them. */
  private static SequencedMap<String, List<Long>> layerLayout(TextEncoderConfig config, int layer) {
    long d = config.width();
    long shared = d / config.heads() * config.keyValueHeads();
    String prefix = "layers." + layer + ".";
    SequencedMap<String, List<Long>> layout = new LinkedHashMap<>();
    layout.put(prefix + "input_layernorm.weight", List.of(d));
    projection(layout, prefix + "self_attn.q_proj", d, d);
    projection(layout, prefix + "self_attn.k_proj", shared, d);
    projection(layout, prefix + "self_attn.v_proj", shared, d);
    layout.put(prefix + "self_attn.o_proj.weight", List.of(d, d));
    layout.put(prefix + "post_attention_layernorm.weight", List.of(d));
    layout.put(prefix + "mlp.gate_proj.weight", List.of((long) config.hidden(), d));
    layout.put(prefix + "mlp.up_proj.weight", List.of((long) config.hidden(), d));
    layout.put(prefix + "mlp.down_proj.weight", List.of(d, (long) config.hidden()));
    return layout;
  }

  private static void projection(Map<String, List<Long>> layout, String name, long out, long in) {
    layout.put(name + ".weight", List.of(out, in));
    layout.put(name + ".bias", List.of(out));
  }

  /**
   * The name that {@link #layout} has for a tensor of a file, in either spelling of the format;
   * empty for what is known and not used: the tower for pictures, and the head that guesses the
   * next token.
   */
  static Optional<String> nameOf(String stored) {
    if (UNUSED.stream().anyMatch(stored::startsWith)) {
      return Optional.empty();
    }
    return PREFIXES.stream()
        .filter(stored::startsWith)
        .findFirst()
        .map(prefix -> stored.substring(prefix.length()))
        .or(() -> Optional.of(stored));
  }

  /**
   * Encodes one prompt.
   *
   * @param ids L of them, of {@link QwenTokenizer#ids}
   * @return (1, L − {@link QwenTokenizer#TEMPLATE_TOKENS}, D), float32
   * @throws EngineException if an id is none of the vocabulary's
   */
  NDArray encode(long[] ids) {
    checkIds(ids);
    try (TensorScope scope = new TensorScope()) {
      NDArray rope = manager.create(rotations(ids.length), new Shape(2, ids.length, turns()));
      NDArray epsilon = manager.create((float) config.epsilon());
      NDArray x =
          kernels.one("qwen_tokens", manager.create(ids, new Shape(1, ids.length)), embedding);
      for (List<NDArray> layer : layers) {
        NDArray after = kernels.one("qwen_layer", x, rope, epsilon, layer);
        // Not at the end of the scope: the tokens between 28 layers take memory.
        x.close();
        x = after;
      }
      NDArray all = kernels.one("qwen_output", x, norm, epsilon);
      return scope.keep(all.get(new NDIndex(":, {}:", QwenTokenizer.TEMPLATE_TOKENS)));
    }
  }

  /** A GPU that is asked for a row that a table lacks works no more in this process. */
  private void checkIds(long[] ids) {
    if (ids.length <= QwenTokenizer.TEMPLATE_TOKENS) {
      throw new EngineException(
          "prompt: %d tokens (expected: more than the %d of the template)"
              .formatted(ids.length, QwenTokenizer.TEMPLATE_TOKENS));
    }
    for (long id : ids) {
      if (id < 0 || id >= config.vocabulary()) {
        throw new EngineException(
            "token id: %d (expected: 0 to %d); tokenizer and text_encoder are of different models"
                .formatted(id, config.vocabulary() - 1));
      }
    }
  }

  /** Features of a head that turn, each with another one. */
  private int turns() {
    return config.width() / config.heads() / 2;
  }

  /** Cosines, then sines, of each position's angles: (2, L, turns). All axes count tokens. */
  private float[] rotations(int length) {
    int turns = turns();
    float[] rotations = new float[2 * length * turns];
    for (int i = 0; i < turns; i++) {
      double frequency = Math.pow(config.ropeTheta(), -(double) i / turns);
      for (int position = 0; position < length; position++) {
        int at = position * turns + i;
        rotations[at] = (float) Math.cos(position * frequency);
        rotations[length * turns + at] = (float) Math.sin(position * frequency);
      }
    }
    return rotations;
  }
}
