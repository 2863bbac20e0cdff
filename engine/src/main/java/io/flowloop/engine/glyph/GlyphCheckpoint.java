package io.flowloop.engine.glyph;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.SafetensorsWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * A pretraining run between two steps: going on from it gives the same bits as never having
 * stopped.
 *
 * @param step steps done
 * @param config the architecture
 * @param parameters by name
 * @param means running means of the parameters
 * @param firstMoments AdamW's
 * @param secondMoments AdamW's
 * @param optimizerSteps steps AdamW applied
 */
record GlyphCheckpoint(
    int step,
    GlyphConfig config,
    Map<String, float[]> parameters,
    Map<String, float[]> means,
    Map<String, float[]> firstMoments,
    Map<String, float[]> secondMoments,
    int optimizerSteps) {

  private static final String STEP = "step";
  private static final String OPTIMIZER_STEPS = "optimizer_steps";
  private static final String SETTINGS = "settings";

  /**
   * Writes the file, whole or not at all.
   *
   * @param settings what a run that goes on must share with this one
   */
  void write(Path file, String settings) {
    SafetensorsWriter writer =
        new SafetensorsWriter()
            .metadata(STEP, Integer.toString(step))
            .metadata(OPTIMIZER_STEPS, Integer.toString(optimizerSteps))
            .metadata(SETTINGS, settings);
    config.metadata().forEach(writer::metadata);
    add(writer, "parameters.", parameters);
    add(writer, "means.", means);
    add(writer, "first_moments.", firstMoments);
    add(writer, "second_moments.", secondMoments);
    try {
      writer.write(file);
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": the checkpoint cannot be written", e);
    }
  }

  private void add(SafetensorsWriter writer, String prefix, Map<String, float[]> tensors) {
    GlyphWeights.layout(config)
        .forEach(
            (name, shape) ->
                writer.floats(
                    prefix + name, shape, Objects.requireNonNull(tensors.get(name), name)));
  }

  /**
   * Reads a checkpoint.
   *
   * @throws EngineException if the file is damaged or belongs to a run with other settings
   */
  static GlyphCheckpoint read(Path path, String settings) {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      Map<String, String> metadata = file.metadata();
      if (!settings.equals(metadata.get(SETTINGS))) {
        throw new EngineException(
            "%s: written with %s (expected: %s); choose another pretrain.dir or delete the file"
                .formatted(path, metadata.get(SETTINGS), settings));
      }
      GlyphConfig config = GlyphConfig.of(metadata, path.toString());
      return new GlyphCheckpoint(
          Integer.parseInt(metadata.getOrDefault(STEP, "0")),
          config,
          read(file, "parameters.", config),
          read(file, "means.", config),
          read(file, "first_moments.", config),
          read(file, "second_moments.", config),
          Integer.parseInt(metadata.getOrDefault(OPTIMIZER_STEPS, "0")));
    }
  }

  private static Map<String, float[]> read(
      SafetensorsFile file, String prefix, GlyphConfig config) {
    Map<String, float[]> tensors = new LinkedHashMap<>();
    for (String name : GlyphWeights.layout(config).keySet()) {
      tensors.put(name, file.floats(prefix + name));
    }
    return tensors;
  }
}
