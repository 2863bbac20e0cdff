package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import io.flowloop.config.Dtype;
import io.flowloop.engine.ComponentWeights;
import io.flowloop.engine.JsonSettings;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.ModelProblems;
import io.flowloop.engine.SafetensorsFile;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SequencedMap;

/** The text half of the golden Qwen-Image folder: 2 layers of random weights, 444 tokens. */
final class TinyQwenText {

  private TinyQwenText() {}

  /** The golden folder. */
  static Path folder() {
    URL folder = TinyQwenText.class.getResource("/golden/tiny-qwen-image");
    try {
      return Path.of(Objects.requireNonNull(folder).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** What the reference implementation answered. */
  static SafetensorsFile golden() {
    return SafetensorsFile.open(folder().resolve("golden.safetensors"));
  }

  /**
   * The prompts of {@code text.0}, {@code text.1} and {@code text.2}, the last of them negative.
   */
  static List<String> prompts(SafetensorsFile golden) {
    List<String> prompts = new ArrayList<>();
    JsonArray array =
        JsonParser.parseString(golden.metadata().getOrDefault("prompts", "")).getAsJsonArray();
    array.forEach(prompt -> prompts.add(prompt.getAsString()));
    prompts.add(golden.metadata().getOrDefault("negative", ""));
    return prompts;
  }

  static QwenTokenizer tokenizer(Path folder) {
    ModelProblems problems = new ModelProblems();
    return QwenTokenizer.open(folder, problems)
        .orElseThrow(() -> new AssertionError(problems.found()));
  }

  static TextEncoderConfig config(Path folder) {
    ModelProblems problems = new ModelProblems();
    return JsonSettings.read(folder, "text_encoder/config.json", problems)
        .flatMap(settings -> TextEncoderConfig.of(settings, problems))
        .orElseThrow(() -> new AssertionError(problems.found()));
  }

  /** The encoder of a folder, whose weights belong to the device. */
  static QwenTextEncoder encoder(LoadedDevice device, Path folder, Dtype dtype) {
    TextEncoderConfig config = config(folder);
    SequencedMap<String, List<Long>> layout = QwenTextEncoder.layout(config);
    ModelProblems problems = new ModelProblems();
    try (ComponentWeights weights =
        ComponentWeights.open(folder, "text_encoder", "model", QwenTextEncoder::nameOf, problems)) {
      weights.check(layout);
      problems.throwIfAny(folder);
      SequencedMap<String, NDArray> loaded =
          weights.load(layout.keySet(), device.kernels(), device.manager(), dtype);
      return new QwenTextEncoder(device.kernels(), device.manager(), config, loaded);
    }
  }
}
