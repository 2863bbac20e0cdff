package io.flowloop.engine.qwenimage;

import io.flowloop.config.ByteSize;
import io.flowloop.config.Device;
import io.flowloop.config.Dtype;
import io.flowloop.config.ModelConfig;
import io.flowloop.engine.PipelineEngine;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/** A whole folder with random weights, two blocks deep, which diffusers wrote. */
public final class TinyQwenImage {

  private static final long CACHE = 1 << 20;

  private TinyQwenImage() {}

  public static Path folder() {
    try {
      return Path.of(
          Objects.requireNonNull(TinyQwenImage.class.getResource("/golden/tiny-qwen-image"))
              .toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The model in the size of the golden images. */
  public static ModelConfig model(Dtype dtype) {
    return model(folder(), dtype);
  }

  public static ModelConfig model(Path folder, Dtype dtype) {
    return model(folder, dtype, CACHE);
  }

  /** The model of small pictures, 4×6 tokens, for tests that draw many. */
  public static ModelConfig small(Dtype dtype) {
    return model(dtype).sized(32, 48);
  }

  /** The model led away from another prompt than its own. */
  public static ModelConfig awayFrom(String negativePrompt) {
    return model(Dtype.FLOAT32).awayFrom(Optional.of(negativePrompt));
  }

  /** The model that keeps embeddings of so many bytes. */
  public static ModelConfig caching(long bytes) {
    return model(folder(), Dtype.FLOAT32, bytes);
  }

  private static ModelConfig model(Path folder, Dtype dtype, long cache) {
    return new ModelConfig(
        "qwen-image",
        Optional.of(folder),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        false,
        new ByteSize(cache),
        new Device.Cpu(),
        dtype,
        1,
        64,
        64);
  }

  public static PipelineEngine engine(ModelConfig model, int maxRowsPerForward) {
    return new PipelineEngine(QwenImagePipeline.load(model), maxRowsPerForward);
  }
}
