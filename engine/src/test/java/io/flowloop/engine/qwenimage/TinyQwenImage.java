package io.flowloop.engine.qwenimage;

import io.flowloop.config.ByteSize;
import io.flowloop.config.Device;
import io.flowloop.config.Dtype;
import io.flowloop.config.ModelConfig;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/** A whole folder with random weights, two blocks deep, which diffusers wrote. */
public final class TinyQwenImage {

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
    return new ModelConfig(
        "qwen-image",
        Optional.of(folder),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        false,
        new ByteSize(1 << 20),
        new Device.Cpu(),
        dtype,
        1,
        64,
        64);
  }
}
