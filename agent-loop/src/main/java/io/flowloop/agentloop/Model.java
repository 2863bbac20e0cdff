package io.flowloop.agentloop;

import io.flowloop.config.ModelConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.glyph.GlyphPipeline;
import io.flowloop.engine.glyph.GlyphTokenizer;
import io.flowloop.engine.glyph.GlyphWeights;
import io.flowloop.engine.qwenimage.QwenImagePipeline;
import java.util.Arrays;
import java.util.stream.Collectors;

/** The models that a configuration can name. */
enum Model {
  /** The embedded one. */
  GLYPH("glyph") {
    @Override
    Pipeline load(ModelConfig config) {
      return GlyphPipeline.load(config);
    }

    @Override
    long checksum(ModelConfig config) {
      return GlyphWeights.of(config).checksum();
    }

    @Override
    void checkPrompt(ModelConfig config, String prompt) {
      GlyphTokenizer.digits(prompt);
    }

    @Override
    RolloutRequest canary() {
      return RolloutRequest.of("\"0\"", Sampling.ode(1), 0);
    }

    @Override
    long latentNumbers(ModelConfig config) {
      // Its latents are grey pixels.
      return (long) config.imageHeight() * config.imageWidth();
    }
  },

  /** A folder as Hugging Face publishes it. */
  QWEN_IMAGE("qwen-image") {
    @Override
    Pipeline load(ModelConfig config) {
      return QwenImagePipeline.load(config);
    }

    @Override
    long checksum(ModelConfig config) {
      return QwenImagePipeline.fingerprint(config);
    }

    @Override
    void checkPrompt(ModelConfig config, String prompt) {
      QwenImagePipeline.checkPrompt(config, prompt);
    }

    @Override
    RolloutRequest canary() {
      return RolloutRequest.of("a sign", Sampling.ode(1), 0);
    }

    @Override
    long latentNumbers(ModelConfig config) {
      // Sixteen numbers for each 8×8 pixels, as published.
      return (long) config.imageHeight() * config.imageWidth() / 4;
    }
  };

  private final String key;

  Model(String key) {
    this.key = key;
  }

  /**
   * The model of a name.
   *
   * @throws EngineException if there is none
   */
  static Model of(ModelConfig config) {
    return Arrays.stream(values())
        .filter(model -> model.key.equals(config.name()))
        .findFirst()
        .orElseThrow(
            () ->
                new EngineException(
                    "model.name: %s (expected: %s)"
                        .formatted(
                            config.name(),
                            Arrays.stream(values())
                                .map(model -> model.key)
                                .collect(Collectors.joining(" or ")))));
  }

  /** Whether there is a model of a name. */
  static boolean exists(String name) {
    return Arrays.stream(values()).anyMatch(model -> model.key.equals(name));
  }

  /** Loads it on this thread. */
  abstract Pipeline load(ModelConfig config);

  /** Tells its weights from others. */
  abstract long checksum(ModelConfig config);

  /**
   * Checks that it can draw a prompt.
   *
   * @throws IllegalArgumentException naming what is wrong with the prompt
   */
  abstract void checkPrompt(ModelConfig config, String prompt);

  /** A small request that an engine of it must be able to draw. */
  abstract RolloutRequest canary();

  /** C·h·w, numbers of an image's latents. */
  abstract long latentNumbers(ModelConfig config);
}
