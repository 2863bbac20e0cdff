package io.flowloop.engine.qwenimage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Dtype;
import io.flowloop.config.ModelConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.Kernels;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.Mmdit;
import io.flowloop.engine.ModelProblems;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.PromptEmbedding;
import io.flowloop.engine.SharedWeights;
import io.flowloop.engine.TensorScope;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.ConcurrentHashMap;

/** Qwen-Image: of a folder as Hugging Face publishes it, or of any other source. */
public final class QwenImagePipeline implements Pipeline {

  /** What diffusers leads away from if nothing is said. */
  private static final String NEGATIVE = " ";

  /** Tokens of a prompt of usual length. */
  private static final int TEXT = 64;

  /** Those that prompts were checked with, before any model was loaded. */
  private static final Map<Path, QwenTokenizer> TOKENIZERS = new ConcurrentHashMap<>();

  private final LoadedDevice device;
  private final QwenImageSource source;
  private final ModelConfig model;
  private final int rows;
  private final int columns;
  private final Mmdit transformer;
  private final Resident<QwenImageSource.PromptEncoder> encoder;
  private final Resident<QwenImageVae> vae;
  private final PromptCache prompts;

  private QwenImagePipeline(LoadedDevice device, QwenImageSource source, ModelConfig model) {
    this.device = device;
    this.source = source;
    this.model = model;
    int token = source.vae().scaleFactor() * PackedLatents.PATCH;
    requireMultiple(model, token);
    this.rows = model.imageHeight() / token;
    this.columns = model.imageWidth() / token;
    this.transformer =
        QwenImageTransformer.create(
            device.kernels(),
            device.manager(),
            source.transformer(),
            weights(device, source, model.dtype()),
            model.dtype(),
            rows,
            columns);
    this.encoder =
        new Resident<>(() -> source.loadEncoder(device, model.dtype()), !model.offload());
    this.vae = new Resident<>(() -> source.loadVae(device, model.dtype()), !model.offload());
    this.prompts = new PromptCache(model.promptCache().bytes(), negative(model));
  }

  /** Of bfloat16 they are never written to, so they are shared; of float32 they are trained. */
  private static SequencedMap<String, NDArray> weights(
      LoadedDevice device, QwenImageSource source, Dtype dtype) {
    SharedWeights.Loader loader = manager -> source.loadTransformer(device, manager, dtype);
    return dtype == Dtype.BFLOAT16
        ? SharedWeights.of(source.origin(), dtype, device.manager(), loader)
        : loader.load(device.manager());
  }

  private static String negative(ModelConfig model) {
    return model.negativePrompt().orElse(NEGATIVE);
  }

  private static void requireMultiple(ModelConfig model, int token) {
    if (model.imageHeight() < token
        || model.imageWidth() < token
        || model.imageHeight() % token != 0
        || model.imageWidth() % token != 0) {
      throw new EngineException(
          "image: %d×%d pixels (expected: model.imageHeight and model.imageWidth multiples of %d, a"
                  .formatted(model.imageHeight(), model.imageWidth(), token)
              + " token's side)");
    }
  }

  /**
   * Loads the model that a configuration describes.
   *
   * @throws EngineException if the folder is of another model or damaged (names all that is wrong
   *     with it), the device is missing or the image does not fit the model
   */
  public static QwenImagePipeline load(ModelConfig model) {
    return load(QwenImageFolder.open(path(model)), model);
  }

  /**
   * Loads the model that a source has.
   *
   * @param source is closed with the pipeline, and if this fails
   * @param model says all but where the weights come from
   * @throws EngineException if the device is missing or the image does not fit the model
   */
  static QwenImagePipeline load(QwenImageSource source, ModelConfig model) {
    try {
      LoadedDevice device = LoadedDevice.openFor(model.dtype(), model.device(), model.threads());
      try {
        return new QwenImagePipeline(device, source, model);
      } catch (RuntimeException e) {
        device.close();
        throw e;
      }
    } catch (RuntimeException e) {
      source.close();
      throw e;
    }
  }

  private static Path path(ModelConfig model) {
    return model
        .path()
        .orElseThrow(
            () ->
                new EngineException("model.path: not set (expected: the folder of a Qwen-Image)"));
  }

  /**
   * All that tells the model of a folder from others, without reading all of it; see {@link
   * io.flowloop.engine.ComponentWeights#fingerprint}.
   *
   * @throws EngineException if something is wrong with the folder; names all of it
   */
  public static long fingerprint(ModelConfig model) {
    try (QwenImageFolder folder = QwenImageFolder.open(path(model))) {
      return folder.fingerprint();
    }
  }

  /**
   * Checks that the model of a folder takes a prompt. The first call for a folder reads its
   * tokenizer, which the process then keeps.
   *
   * @throws IllegalArgumentException if not; says why
   * @throws EngineException if the tokenizer cannot be read
   */
  public static void checkPrompt(ModelConfig model, String prompt) {
    var _ = ids(model, prompt);
  }

  /** {@link QwenTokenizer#ids} by the tokenizer of the model's folder. */
  static long[] ids(ModelConfig model, String prompt) {
    return TOKENIZERS.computeIfAbsent(path(model), QwenImagePipeline::tokenizer).ids(prompt);
  }

  private static QwenTokenizer tokenizer(Path folder) {
    ModelProblems problems = new ModelProblems();
    Optional<QwenTokenizer> tokenizer = QwenTokenizer.open(folder, problems);
    problems.throwIfAny(folder);
    return tokenizer.orElseThrow();
  }

  @Override
  public TextEncoder textEncoder() {
    return new TextEncoder() {
      @Override
      public Encoded encode(String prompt) {
        PromptEmbedding embedding = prompts.get(prompt, text -> encoder.get().encode(text));
        NDArray tokens =
            manager()
                .create(embedding.values(), new Shape(1, embedding.tokens(), embedding.width()));
        return new Encoded(tokens, embedding);
      }

      @Override
      public String negativePrompt() {
        return negative(model);
      }
    };
  }

  PromptCache prompts() {
    return prompts;
  }

  QwenImageVae vae() {
    return vae.get();
  }

  /** A weight of the transformer on the device. */
  NDArray weight(String name) {
    NDArray weight = transformer.parameters().get(name);
    if (weight == null) {
      throw new EngineException(
          "weight: %s (expected: one of the transformer's %d)"
              .formatted(name, transformer.parameters().size()));
    }
    return weight;
  }

  /**
   * The pictures of final latents.
   *
   * @param latents (k, S, C)
   * @return (k, 3, H, W) in [0, 1]
   */
  NDArray pixels(NDArray latents) {
    return vae.get().images(latents, PackedLatents.PATCH * rows, PackedLatents.PATCH * columns);
  }

  @Override
  public Denoiser denoiser() {
    return denoising(transformer);
  }

  @Override
  public Denoiser denoiser(Map<String, NDArray> weights) {
    return denoising(transformer.with(weights));
  }

  private Denoiser denoising(Mmdit network) {
    return model.offload() ? new Alone(network) : network;
  }

  /** A network that has the device to itself: other parts of the model leave it before a walk. */
  private final class Alone implements Denoiser {

    private final Mmdit network;

    Alone(Mmdit network) {
      this.network = network;
    }

    @Override
    public List<NDArray> conditioning(NDArray sigmas) {
      encoder.release();
      vae.release();
      return network.conditioning(sigmas);
    }

    @Override
    public NDArray velocity(NDArray latents, NDArray conditioning, Text prompt) {
      return network.velocity(latents, conditioning, prompt);
    }

    @Override
    public Recording recorded(NDArray latents, NDArray sigmas, int step, Text prompt) {
      encoder.release();
      vae.release();
      return network.recorded(latents, sigmas, step, prompt);
    }

    @Override
    public void release() {
      network.release();
    }

    @Override
    public Recording checkpointed(NDArray latents, NDArray sigmas, int step, Text prompt) {
      encoder.release();
      vae.release();
      return network.checkpointed(latents, sigmas, step, prompt);
    }
  }

  @Override
  public ImageDecoder imageDecoder() {
    return latents -> {
      try (TensorScope _ = new TensorScope()) {
        NDArray packed =
            manager()
                .create(latents, new Shape(1, latentShape().tokens(), latentShape().channels()));
        return RgbPlanes.image(
            pixels(packed).toFloatArray(), model.imageHeight(), model.imageWidth(), device());
      }
    };
  }

  /** The transformer's, by the file's names but for those of layers that are joined here. */
  @Override
  public SequencedMap<String, NDArray> weights() {
    return transformer.parameters();
  }

  @Override
  public SequencedMap<String, Layer> layers() {
    return QwenImageTransformer.layers(source.transformer());
  }

  @Override
  public boolean offloads() {
    return model.offload();
  }

  @Override
  public Dtype dtype() {
    return model.dtype();
  }

  @Override
  public long checksum() {
    return source.fingerprint();
  }

  /** The length of a token without guidance is kept. */
  @Override
  public String guidance() {
    return "guide_rescaled";
  }

  @Override
  public LatentShape latentShape() {
    return new LatentShape(rows * columns, source.transformer().channels());
  }

  @Override
  public float[] sigmas(int numInferenceSteps) {
    return sigmas(numInferenceSteps, rows * columns);
  }

  /** The noise levels of a walk of latents of any length. */
  float[] sigmas(int numInferenceSteps, int imageTokens) {
    return source.scheduler().sigmas(numInferenceSteps, imageTokens);
  }

  @Override
  public Kernels kernels() {
    return device.kernels();
  }

  @Override
  public NDManager manager() {
    return device.manager();
  }

  @Override
  public String attentionKernel(int forwardRows) {
    TransformerConfig config = source.transformer();
    return transformer.attentionKernel(
        new Shape(forwardRows, config.heads(), latentShape().tokens() + TEXT, config.headWidth()),
        dtype());
  }

  Mmdit transformer() {
    return transformer;
  }

  /** The shape of k pictures, (k, 3, H, W). */
  Shape pictures(int k) {
    return new Shape(k, VaeConfig.IMAGE_CHANNELS, model.imageHeight(), model.imageWidth());
  }

  @Override
  public String device() {
    return device.name();
  }

  @Override
  public void close() {
    encoder.close();
    vae.close();
    transformer.close();
    device.close();
    source.close();
  }
}
