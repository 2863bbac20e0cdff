package io.flowloop.engine.glyph;

import io.flowloop.config.ModelConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.HostTensor;
import io.flowloop.engine.Noise;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.SafetensorsDtype;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.SafetensorsWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The numbers of a glyph model in plain memory: named like the parts they belong to, in the order
 * in which the network uses them.
 *
 * @param config the architecture
 * @param tensors values by name, row by row; shapes follow from the architecture
 */
public record GlyphWeights(GlyphConfig config, Map<String, float[]> tensors) {

  private static final String EMBEDDED = "glyph.safetensors";

  /** Modulation starts almost closed, so that a fresh network is close to the identity. */
  private static final double GATE_STD = 0.02;

  /** The names and shapes of an architecture's tensors, in order. */
  static Map<String, List<Long>> layout(GlyphConfig config) {
    long d = config.width();
    Map<String, List<Long>> layout = new LinkedHashMap<>();
    layout.put("text_embed.token.weight", List.of((long) GlyphConfig.VOCABULARY, d));
    layout.put("text_embed.position.weight", List.of((long) GlyphConfig.TEXT_TOKENS, d));
    linear(layout, "time_embed.0", d, d);
    linear(layout, "time_embed.2", d, d);
    linear(layout, "image_embed", d, config.channels());
    for (int block = 0; block < config.depth(); block++) {
      stream(layout, config, "blocks." + block + ".image");
      stream(layout, config, "blocks." + block + ".text");
    }
    linear(layout, "output.mod", 2 * d, d);
    linear(layout, "output.proj", config.channels(), d);
    return layout;
  }

  private static void stream(Map<String, List<Long>> layout, GlyphConfig config, String prefix) {
    long d = config.width();
    linear(layout, prefix + ".mod", 6 * d, d);
    linear(layout, prefix + ".to_qkv", 3 * d, d);
    layout.put(prefix + ".norm_q.weight", List.of(d / config.heads()));
    layout.put(prefix + ".norm_k.weight", List.of(d / config.heads()));
    linear(layout, prefix + ".to_out", d, d);
    linear(layout, prefix + ".mlp.0", GlyphConfig.MLP_RATIO * d, d);
    linear(layout, prefix + ".mlp.2", d, GlyphConfig.MLP_RATIO * d);
  }

  private static void linear(Map<String, List<Long>> layout, String name, long out, long in) {
    layout.put(name + ".weight", List.of(out, in));
    layout.put(name + ".bias", List.of(out));
  }

  /** Untrained weights: a pure function of architecture and seed. */
  public static GlyphWeights random(GlyphConfig config, long seed) {
    Map<String, float[]> tensors = new LinkedHashMap<>();
    layout(config)
        .forEach((name, shape) -> tensors.put(name, initial(name, shape, seed, tensors.size())));
    return new GlyphWeights(config, tensors);
  }

  private static float[] initial(String name, List<Long> shape, long seed, int index) {
    int count = Math.toIntExact(shape.stream().reduce(1L, Math::multiplyExact));
    float[] values = new float[count];
    if (name.contains(".norm_")) {
      Arrays.fill(values, 1);
    } else if (!name.endsWith(".bias")) {
      boolean gate = name.contains("mod.") || name.startsWith("output.");
      boolean embedding = name.startsWith("text_embed");
      double std = gate ? GATE_STD : embedding ? 1 : 1 / Math.sqrt(shape.get(1));
      Noise.normals(seed, Noise.Use.WEIGHTS, index, values, 0, count);
      for (int i = 0; i < count; i++) {
        values[i] = (float) (values[i] * std);
      }
    }
    return values;
  }

  /**
   * The model that a configuration names: its weights file, or the embedded weights.
   *
   * @throws EngineException if the file is damaged or holds another model
   */
  public static GlyphWeights of(ModelConfig model) {
    return model.weights().map(GlyphWeights::read).orElseGet(GlyphWeights::embedded);
  }

  /**
   * Reads a model from a safetensors file.
   *
   * @throws EngineException if it is damaged, or holds another model or other shapes than its
   *     metadata says
   */
  public static GlyphWeights read(Path path) {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      return read(file, path.toString());
    }
  }

  /** The model that comes with flowloop. */
  public static GlyphWeights embedded() {
    try (InputStream in = GlyphWeights.class.getResourceAsStream(EMBEDDED)) {
      if (in == null) {
        throw new EngineException(EMBEDDED + ": not on the classpath; the jar is incomplete");
      }
      try (SafetensorsFile file =
          SafetensorsFile.of(EMBEDDED, ByteBuffer.wrap(in.readAllBytes()))) {
        return read(file, EMBEDDED);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(EMBEDDED + ": cannot be read", e);
    }
  }

  private static GlyphWeights read(SafetensorsFile file, String source) {
    GlyphConfig config = GlyphConfig.of(file.metadata(), source);
    Map<String, float[]> tensors = new LinkedHashMap<>();
    layout(config)
        .forEach(
            (name, shape) -> {
              List<Long> found = file.tensor(name).shape();
              if (!found.equals(shape)) {
                throw new EngineException(
                    "%s: tensor '%s' has shape %s (expected: %s)"
                        .formatted(source, name, found, shape));
              }
              tensors.put(name, file.floats(name));
            });
    return new GlyphWeights(config, tensors);
  }

  /** {@link PolicyWeights#checksum} of all tensors. */
  public long checksum() {
    Map<String, HostTensor> shaped = new LinkedHashMap<>();
    layout(config)
        .forEach(
            (name, shape) ->
                shaped.put(
                    name, new HostTensor(shape, Objects.requireNonNull(tensors.get(name), name))));
    return PolicyWeights.checksum(shaped);
  }

  /**
   * Writes the model with float16 values, complete or not at all.
   *
   * @throws UncheckedIOException if the file cannot be written
   */
  public void write(Path target) {
    SafetensorsWriter writer = new SafetensorsWriter();
    addTo(writer, SafetensorsDtype.F16);
    try {
      writer.write(target);
    } catch (IOException e) {
      throw new UncheckedIOException(target + ": the model cannot be written", e);
    }
  }

  /**
   * Adds the model to a file: its architecture as metadata, its tensors by their names.
   *
   * @param dtype F32, F16 or BF16
   */
  public void addTo(SafetensorsWriter writer, SafetensorsDtype dtype) {
    config.metadata().forEach(writer::metadata);
    layout(config).forEach((name, shape) -> writer.floats(name, dtype, shape, values(name)));
  }

  /** The numbers of one tensor. */
  float[] values(String name) {
    return Objects.requireNonNull(tensors.get(name), name);
  }

  /** How many numbers all tensors hold. */
  public long parameters() {
    return tensors.values().stream().mapToLong(values -> values.length).sum();
  }
}
