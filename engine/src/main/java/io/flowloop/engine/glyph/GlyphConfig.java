package io.flowloop.engine.glyph;

import io.flowloop.engine.EngineException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The architecture of a glyph model; its safetensors file carries it as metadata.
 *
 * @param width D, features of a token
 * @param depth transformer blocks
 * @param heads attention heads; must divide the width
 * @param patch edge of an image token, pixels
 */
public record GlyphConfig(int width, int depth, int heads, int patch) {

  /** Tokens of every prompt, padding included. */
  public static final int TEXT_TOKENS = 8;

  /** Ten digits and the padding. */
  static final int VOCABULARY = 11;

  /** Width of the hidden layer of an MLP, in widths of a token. */
  static final int MLP_RATIO = 4;

  /** The model that comes with flowloop: 2.5 million parameters. */
  public static final GlyphConfig EMBEDDED = new GlyphConfig(128, 4, 4, 8);

  public GlyphConfig {
    if (width < 4 || width % 4 != 0 || depth < 1 || heads < 1 || width % heads != 0 || patch < 1) {
      throw new IllegalArgumentException(
          "glyph model: width %d, depth %d, heads %d, patch %d (expected: a width of four's multiple"
                  .formatted(width, depth, heads, patch)
              + " that the heads divide, and 1 or more of each)");
    }
  }

  /** C, numbers of an image token: grey pixels of a patch. */
  int channels() {
    return patch * patch;
  }

  Map<String, String> metadata() {
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("model", "glyph");
    metadata.put("width", Integer.toString(width));
    metadata.put("depth", Integer.toString(depth));
    metadata.put("heads", Integer.toString(heads));
    metadata.put("patch", Integer.toString(patch));
    return metadata;
  }

  static GlyphConfig of(Map<String, String> metadata, String source) {
    if (!"glyph".equals(metadata.get("model"))) {
      throw new EngineException(
          "%s: metadata 'model' is %s (expected: glyph); these are weights of another model"
              .formatted(source, metadata.get("model")));
    }
    return new GlyphConfig(
        number(metadata, "width", source),
        number(metadata, "depth", source),
        number(metadata, "heads", source),
        number(metadata, "patch", source));
  }

  private static int number(Map<String, String> metadata, String key, String source) {
    String value = metadata.getOrDefault(key, "missing");
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new EngineException(
          "%s: metadata '%s' is %s (expected: a whole number)".formatted(source, key, value), e);
    }
  }
}
