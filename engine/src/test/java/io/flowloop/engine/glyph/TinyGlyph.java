package io.flowloop.engine.glyph;

import io.flowloop.config.Device;
import io.flowloop.config.SdeType;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.PipelineEngine;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.SdeWindow;

/** A glyph model of the true architecture that takes milliseconds: 16×32 pixels, untrained. */
public final class TinyGlyph {

  public static final int HEIGHT = 16;
  public static final int WIDTH = 32;
  public static final GlyphConfig CONFIG = new GlyphConfig(16, 2, 2, 8);

  /** Whole stochastic walk of five steps. */
  public static final Sampling SDE = new Sampling(5, 1, SdeType.SDE, 0.7, SdeWindow.whole(5));

  private TinyGlyph() {}

  /** Random weights with gates wide open, so that every part shows in the velocity. */
  public static GlyphWeights weights() {
    GlyphWeights weights = GlyphWeights.random(CONFIG, 7);
    weights
        .tensors()
        .forEach(
            (name, values) -> {
              if (name.contains("mod.") || name.startsWith("output.")) {
                for (int i = 0; i < values.length; i++) {
                  values[i] = values[i] * 10 + 0.01f * (i % 7);
                }
              }
            });
    return weights;
  }

  /** The network with these weights in plain Java. */
  public static GlyphTwin twin(GlyphWeights weights) {
    return new GlyphTwin(weights, HEIGHT / CONFIG.patch(), WIDTH / CONFIG.patch());
  }

  public static PipelineEngine engine(int maxRowsPerForward) {
    return engine(weights(), maxRowsPerForward);
  }

  public static PipelineEngine engine(GlyphWeights weights, int maxRowsPerForward) {
    return new PipelineEngine(pipeline(weights), maxRowsPerForward);
  }

  public static GlyphPipeline pipeline(GlyphWeights weights) {
    return new GlyphPipeline(LoadedDevice.open(new Device.Cpu(), 1), weights, HEIGHT, WIDTH);
  }
}
