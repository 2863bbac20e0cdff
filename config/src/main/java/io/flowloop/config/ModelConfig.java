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
    return with(other, negativePrompt, offload, device, imageHeight, imageWidth);
  }

  /** The same on this device. */
  public ModelConfig on(Device other) {
    return with(name, negativePrompt, offload, other, imageHeight, imageWidth);
  }

  /** The same with text encoder and VAE on the device only while they are at work. */
  public ModelConfig offloaded() {
    return with(name, negativePrompt, true, device, imageHeight, imageWidth);
  }

  /** The same with guidance away from this prompt; empty for the model's own. */
  public ModelConfig awayFrom(Optional<String> other) {
    return with(name, other, offload, device, imageHeight, imageWidth);
  }

  /** The same with images of this size, in pixels. */
  public ModelConfig sized(int height, int width) {
    return with(name, negativePrompt, offload, device, height, width);
  }

  private ModelConfig with(
      String name,
      Optional<String> negativePrompt,
      boolean offload,
      Device device,
      int imageHeight,
      int imageWidth) {
    return new ModelConfig(
        name,
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
}
