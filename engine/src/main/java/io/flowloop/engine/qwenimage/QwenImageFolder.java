package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.flowloop.config.Dtype;
import io.flowloop.engine.ComponentWeights;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.JsonSettings;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.ModelProblems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A {@code QwenImagePipeline} as Hugging Face publishes it: a folder of settings, a tokenizer and
 * safetensors files. All of it is checked when it is opened; tensors are read when they are asked
 * for.
 */
final class QwenImageFolder implements QwenImageSource {

  private static final String INDEX = "model_index.json";
  private static final String STEM = "diffusion_pytorch_model";

  private final Path folder;
  private final TransformerConfig transformer;
  private final VaeConfig vae;
  private final TextEncoderConfig text;
  private final SchedulerConfig scheduler;
  private final QwenTokenizer tokenizer;
  private final ComponentWeights transformerWeights;
  private final ComponentWeights vaeWeights;
  private final ComponentWeights textWeights;

  /**
   * Where weights were found, and which.
   *
   * @param fingerprint a folder may be written to while its old weights are on a device
   */
  private record Origin(Path folder, long fingerprint) {}

  private QwenImageFolder(Path folder, Reading reading) {
    this.folder = folder;
    this.transformer = Objects.requireNonNull(reading.transformer);
    this.vae = Objects.requireNonNull(reading.vae);
    this.text = Objects.requireNonNull(reading.text);
    this.scheduler = Objects.requireNonNull(reading.scheduler);
    this.tokenizer = Objects.requireNonNull(reading.tokenizer);
    this.transformerWeights = reading.transformerWeights;
    this.vaeWeights = reading.vaeWeights;
    this.textWeights = reading.textWeights;
  }

  /**
   * Opens a folder.
   *
   * @throws EngineException if there is no such folder, it is of another model, or files or tensors
   *     are missing, damaged or of other shapes than its settings say; names all of them
   */
  static QwenImageFolder open(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new EngineException(
          "model folder: %s %s (expected: a folder with %s, as Hugging Face publishes it); check"
                  .formatted(folder, Files.exists(folder) ? "is a file" : "does not exist", INDEX)
              + " model.path");
    }
    ModelProblems problems = new ModelProblems();
    Reading reading = new Reading(folder, problems);
    try {
      problems.throwIfAny(folder);
      return new QwenImageFolder(folder, reading);
    } catch (RuntimeException e) {
      reading.close();
      throw e;
    }
  }

  /** What was found of a folder; a part is null only if there are problems. */
  private static final class Reading implements AutoCloseable {

    private final @Nullable TransformerConfig transformer;
    private final @Nullable VaeConfig vae;
    private final @Nullable TextEncoderConfig text;
    private final @Nullable SchedulerConfig scheduler;
    private final @Nullable QwenTokenizer tokenizer;
    private final ComponentWeights transformerWeights;
    private final ComponentWeights vaeWeights;
    private final ComponentWeights textWeights;

    Reading(Path folder, ModelProblems problems) {
      JsonSettings.read(folder, INDEX, problems).ifPresent(Reading::checkIndex);
      this.scheduler =
          JsonSettings.read(folder, "scheduler/scheduler_config.json", problems)
              .map(SchedulerConfig::of)
              .orElse(null);
      this.transformer =
          sound(folder, "transformer/config.json", problems, TransformerConfig::of).orElse(null);
      this.vae = sound(folder, "vae/config.json", problems, VaeConfig::of).orElse(null);
      this.text =
          JsonSettings.read(folder, "text_encoder/config.json", problems)
              .flatMap(settings -> TextEncoderConfig.of(settings, problems))
              .orElse(null);
      this.tokenizer = QwenTokenizer.open(folder, problems).orElse(null);
      this.transformerWeights =
          ComponentWeights.open(folder, "transformer", STEM, Optional::of, problems);
      this.vaeWeights = ComponentWeights.open(folder, "vae", STEM, Optional::of, problems);
      this.textWeights =
          ComponentWeights.open(folder, "text_encoder", "model", QwenTextEncoder::nameOf, problems);
      checkTensors();
      checkParts(problems);
    }

    /** Settings from which a layout follows: with a problem in them, no tensor can be checked. */
    private static <T> Optional<T> sound(
        Path folder, String file, ModelProblems problems, Function<JsonSettings, T> read) {
      int before = problems.found().size();
      return JsonSettings.read(folder, file, problems)
          .map(read)
          .filter(_ -> problems.found().size() == before);
    }

    private static void checkIndex(JsonSettings index) {
      if (!index.text("_class_name", "").equals("QwenImagePipeline")) {
        index.problem("_class_name", "QwenImagePipeline");
      }
    }

    private void checkTensors() {
      if (transformer != null) {
        transformerWeights.check(QwenImageTransformer.layout(transformer));
      }
      if (vae != null) {
        vaeWeights.check(QwenImageVae.layout(vae));
      }
      if (text != null) {
        textWeights.check(QwenTextEncoder.layout(text));
      }
    }

    private void checkParts(ModelProblems problems) {
      int cell = PackedLatents.PATCH * PackedLatents.PATCH;
      if (transformer != null && vae != null && transformer.channels() != cell * vae.zDim()) {
        problems.add(
            "transformer/config.json in_channels: %d (expected: %d, four cells of the VAE's z_dim)"
                .formatted(transformer.channels(), cell * vae.zDim()));
      }
      if (transformer != null && text != null && transformer.textWidth() != text.width()) {
        problems.add(
            "transformer/config.json joint_attention_dim: %d (expected: %d, the text encoder's"
                    .formatted(transformer.textWidth(), text.width())
                + " hidden_size)");
      }
      if (tokenizer != null && text != null) {
        // Those of the template are added to the vocabulary, so their ids are the last.
        long last = Arrays.stream(tokenizer.ids("")).max().orElseThrow();
        if (last >= text.vocabulary()) {
          problems.add(
              "text_encoder/config.json vocab_size: %d (expected: more than %d, an id of the tokenizer)"
                  .formatted(text.vocabulary(), last));
        }
      }
    }

    @Override
    public void close() {
      if (tokenizer != null) {
        tokenizer.close();
      }
      transformerWeights.close();
      vaeWeights.close();
      textWeights.close();
    }
  }

  @Override
  public TransformerConfig transformer() {
    return transformer;
  }

  @Override
  public VaeConfig vae() {
    return vae;
  }

  TextEncoderConfig text() {
    return text;
  }

  QwenTokenizer tokenizer() {
    return tokenizer;
  }

  @Override
  public SchedulerConfig scheduler() {
    return scheduler;
  }

  /** {@link ComponentWeights#fingerprint} of the transformer. */
  @Override
  public long fingerprint() {
    return transformerWeights.fingerprint();
  }

  @Override
  public Object origin() {
    return new Origin(folder.toAbsolutePath().normalize(), fingerprint());
  }

  @Override
  public SequencedMap<String, NDArray> loadTransformer(
      LoadedDevice device, NDManager manager, Dtype dtype) {
    return QwenImageTransformer.weights(
        transformer,
        device.kernels(),
        manager,
        name -> transformerWeights.load(name, device.kernels(), manager, dtype));
  }

  @Override
  public QwenImageVae loadVae(LoadedDevice device, Dtype dtype) {
    // It copies what it needs of them.
    try (NDManager loading = device.manager().newSubManager()) {
      List<String> needed = QwenImageVae.needed(vae);
      return new QwenImageVae(
          device.kernels(),
          device.manager(),
          vae,
          vaeWeights.load(needed, device.kernels(), loading, dtype));
    }
  }

  @Override
  public PromptEncoder loadEncoder(LoadedDevice device, Dtype dtype) {
    NDManager owner = device.manager().newSubManager();
    try {
      SequencedMap<String, NDArray> weights =
          textWeights.load(QwenTextEncoder.layout(text).keySet(), device.kernels(), owner, dtype);
      return new QwenPromptEncoder(
          tokenizer, new QwenTextEncoder(device.kernels(), device.manager(), text, weights), owner);
    } catch (RuntimeException e) {
      owner.close();
      throw e;
    }
  }

  /** Unmaps the files; what was loaded stays. */
  @Override
  public void close() {
    tokenizer.close();
    transformerWeights.close();
    vaeWeights.close();
    textWeights.close();
  }
}
