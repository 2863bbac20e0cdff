package io.flowloop.config;

import java.nio.file.Path;
import java.util.Optional;

/**
 * The diffusion model, its device and the size of its images.
 *
 * @param name which model
 * @param path a folder as Hugging Face publishes it, of a model that does not come with flowloop
 * @param weights a safetensors file; empty for the weights that come with the model
 * @param adapter a LoRA of the model, a file or a folder, that is drawn with and trained further
 * @param negativePrompt what guidance leads away from; empty for the model's own
 * @param offload whether text encoder and VAE leave the device while images are denoised
 * @param promptCache memory for the embeddings of prompts that come again
 * @param device where the forwards run
 * @param dtype what dense layers compute with
 * @param threads CPU threads of one forward; 0 for as many as the machine has cores
 * @param imageHeight H in pixels, a multiple of the model's patch
 * @param imageWidth W in pixels, a multiple of the model's patch
 */
public record ModelConfig(
    String name,
    Optional<Path> path,
    Optional<Path> weights,
    Optional<Path> adapter,
    Optional<String> negativePrompt,
    boolean offload,
    ByteSize promptCache,
    Device device,
    Dtype dtype,
    int threads,
    int imageHeight,
    int imageWidth) {

  /** The embedded model with weights of its own or those of a file. */
  public static ModelConfig glyph(
      Optional<Path> weights, Device device, int threads, int imageHeight, int imageWidth) {
    return new ModelConfig(
        "glyph",
        Optional.empty(),
        weights,
        Optional.empty(),
        Optional.empty(),
        false,
        new ByteSize(0),
        device,
        Dtype.FLOAT32,
        threads,
        imageHeight,
        imageWidth);
  }

  /** The same settings for a model of this name. */
  public ModelConfig named(String other) {
    return new ModelConfig(
        other,
        path,
        weights,
        adapter,
        negativePrompt,
        offload,
        promptCache,
        device,
        dtype,
        threads,
        imageHeight,
        imageWidth);
  }

  /** The same on this device. */
  public ModelConfig on(Device other) {
    return new ModelConfig(
        name,
        path,
        weights,
        adapter,
        negativePrompt,
        offload,
        promptCache,
        other,
        dtype,
        threads,
        imageHeight,
        imageWidth);
  }

  /** The same with text encoder and VAE on the device only while they are at work. */
  public ModelConfig offloaded() {
    return new ModelConfig(
        name,
        path,
        weights,
        adapter,
        negativePrompt,
        true,
        promptCache,
        device,
        dtype,
        threads,
        imageHeight,
        imageWidth);
  }
}
