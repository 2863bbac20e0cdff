package io.flowloop.engine.glyph;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Dtype;
import io.flowloop.config.ModelConfig;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.Kernels;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.Mmdit;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.PromptEmbedding;
import io.flowloop.engine.SigmaSchedule;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;

/** The embedded model, loaded: draws the digits of a prompt in black on white. */
public final class GlyphPipeline implements Pipeline {

  private final LoadedDevice device;
  private final GlyphConfig config;
  private final int imageHeight;
  private final int imageWidth;
  private final Mmdit transformer;

  /**
   * Puts a model on a device.
   *
   * @param device closed with the pipeline
   * @param weights the model
   * @param imageHeight pixels, a multiple of the patch
   * @param imageWidth pixels, a multiple of the patch
   */
  public GlyphPipeline(LoadedDevice device, GlyphWeights weights, int imageHeight, int imageWidth) {
    this.device = device;
    this.config = weights.config();
    this.imageHeight = imageHeight;
    this.imageWidth = imageWidth;
    if (imageHeight < 1
        || imageWidth < 1
        || imageHeight % config.patch() != 0
        || imageWidth % config.patch() != 0) {
      throw new EngineException(
          "image: %d×%d pixels (expected: height and width multiples of the model's patch, %d)"
              .formatted(imageHeight, imageWidth, config.patch()));
    }
    this.transformer =
        GlyphTransformer.create(
            device.kernels(),
            device.manager(),
            weights,
            imageHeight / config.patch(),
            imageWidth / config.patch());
  }

  /**
   * Loads the model that a configuration describes: its weights file, or the embedded weights.
   *
   * @throws EngineException if the weights are damaged or of another model, the device is missing
   *     or the image does not fit the model
   */
  public static GlyphPipeline load(ModelConfig model) {
    GlyphWeights weights = GlyphWeights.of(model);
    LoadedDevice device = LoadedDevice.open(model.device(), model.dtype(), model.threads());
    try {
      return new GlyphPipeline(device, weights, model.imageHeight(), model.imageWidth());
    } catch (RuntimeException e) {
      device.close();
      throw e;
    }
  }

  @Override
  public TextEncoder textEncoder() {
    return new TextEncoder() {
      @Override
      public Encoded encode(String prompt) {
        long[] ids = GlyphTokenizer.ids(prompt);
        NDArray tokens =
            GlyphTransformer.embed(
                kernels(), transformer, manager().create(ids, new Shape(1, ids.length)));
        return new Encoded(
            tokens,
            new PromptEmbedding(tokens.toFloatArray(), GlyphTokenizer.mask(ids), config.width()));
      }

      @Override
      public String negativePrompt() {
        return GlyphTokenizer.NOTHING;
      }
    };
  }

  @Override
  public Mmdit denoiser() {
    return transformer;
  }

  @Override
  public ImageDecoder imageDecoder() {
    return latents -> GlyphPixels.image(latents, imageHeight, imageWidth, config.patch());
  }

  /** Without the embeddings of the text: they are the text encoder, which stays as it is. */
  @Override
  public SequencedMap<String, NDArray> weights() {
    SequencedMap<String, NDArray> weights = new LinkedHashMap<>(transformer.parameters());
    weights.keySet().removeIf(name -> name.startsWith("text_embed."));
    return weights;
  }

  @Override
  public Denoiser denoiser(Map<String, NDArray> weights) {
    return transformer.with(weights);
  }

  @Override
  public SequencedMap<String, Layer> layers() {
    return GlyphTransformer.layers(config);
  }

  @Override
  public Dtype dtype() {
    // Dense layers that compute with less do so of float32 weights.
    return Dtype.FLOAT32;
  }

  @Override
  public LatentShape latentShape() {
    return new LatentShape(
        imageHeight / config.patch() * (imageWidth / config.patch()), config.channels());
  }

  @Override
  public float[] sigmas(int numInferenceSteps) {
    return SigmaSchedule.linear(numInferenceSteps);
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
  public String attentionKernel(int rows) {
    int tokens = latentShape().tokens() + GlyphConfig.TEXT_TOKENS;
    int width = config.width() / config.heads();
    return kernels().attention(new Shape(rows, config.heads(), tokens, width), dtype());
  }

  @Override
  public String device() {
    return device.name();
  }

  @Override
  public void close() {
    device.close();
  }
}
