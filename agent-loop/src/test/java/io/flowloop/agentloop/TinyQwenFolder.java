package io.flowloop.agentloop;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The folder of a whole Qwen-Image with random weights, two blocks deep, which diffusers wrote. */
public final class TinyQwenFolder {

  /** It is the engine's test resource. */
  public static final Path PATH =
      Path.of("..", "engine", "src", "test", "resources", "golden", "tiny-qwen-image");

  private TinyQwenFolder() {}

  /** Settings that draw with it: 64×64 pixels, four steps. */
  public static List<String> settings() {
    return List.of(
        "model.name=qwen-image",
        "model.path=\"%s\"".formatted(PATH),
        "model.device=cpu",
        "model.threads=1",
        "model.imageHeight=64",
        "model.imageWidth=64",
        "sampler.numInferenceSteps=4",
        "sampler.guidanceScale=4");
  }

  /** A copy that may be changed. */
  public static Path copy(Path target) {
    try (Stream<Path> files = Files.walk(PATH)) {
      for (Path file : files.toList()) {
        Files.copy(file, target.resolve(PATH.relativize(file).toString()));
      }
      return target;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
