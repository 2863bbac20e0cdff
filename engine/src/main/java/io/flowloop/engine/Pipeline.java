package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Consumer;

/**
 * One loaded model: text encoder, denoiser and image decoder on one device. All else (noise, loop,
 * scheduler, guidance, unpacking) is the same for every model.
 */
public interface Pipeline extends AutoCloseable {

  /** Turns prompts into conditioning. */
  interface TextEncoder {

    /**
     * An encoded prompt.
     *
     * @param tokens (1, L, D) on the device
     * @param embedding the same numbers in plain memory
     */
    record Encoded(NDArray tokens, PromptEmbedding embedding) {}

    /**
     * Encodes one prompt.
     *
     * @throws IllegalArgumentException if the model cannot draw {@code prompt}; says why
     */
    Encoded encode(String prompt);

    /** The prompt that guidance leads away from. */
    String negativePrompt();
  }

  /** The network of the flow. */
  interface Denoiser {

    /**
     * What the network derives from the noise levels alone, for all steps of a walk at once.
     *
     * @param sigmas (T), the noise levels of the steps
     * @return one tensor a step
     */
    List<NDArray> conditioning(NDArray sigmas);

    /**
     * The velocity v = ε − x_0.
     *
     * @param latents (k, S, C) in packed layout
     * @param conditioning a step's of {@link #conditioning}, for all rows
     * @param text (k, L, D), or (1, L, D) for rows of one prompt
     * @return (k, S, C)
     */
    NDArray velocity(NDArray latents, NDArray conditioning, NDArray text);

    /**
     * {@link #velocity}, recorded for a backward.
     *
     * @param sigmas (T), the noise levels of a walk
     * @param step the one that {@code latents} have
     */
    default Recording recorded(NDArray latents, NDArray sigmas, int step, NDArray text) {
      NDArray velocity =
          Gradients.recorded(() -> velocity(latents, conditioning(sigmas).get(step), text));
      return new Recording(velocity, gradient -> Gradients.backward(velocity, gradient));
    }

    /**
     * {@link #recorded}, to the same bits, but only what stands between blocks is kept: backward
     * computes each block again, for less memory and about a third more time.
     */
    Recording checkpointed(NDArray latents, NDArray sigmas, int step, NDArray text);

    /**
     * A velocity and the way back from it. Belongs to the scope that it was made in.
     *
     * @param velocity (k, S, C)
     * @param backward takes the gradient of something with respect to the velocity and adds its
     *     gradients to those of the weights
     */
    record Recording(NDArray velocity, Consumer<NDArray> backward) {}
  }

  /** Turns final latents into pictures. */
  interface ImageDecoder {

    /**
     * Decodes one row.
     *
     * @param latents the S·C numbers of one row
     */
    RgbImage decode(float[] latents);
  }

  TextEncoder textEncoder();

  Denoiser denoiser();

  ImageDecoder imageDecoder();

  /** The denoiser's weights by name: live tensors, which may be written to in place. */
  SequencedMap<String, NDArray> weights();

  /** The same network with other weights: these, by name, and the pipeline's own for the rest. */
  Denoiser denoiser(Map<String, NDArray> weights);

  /** Shape (S, C) of one row's packed latents. */
  LatentShape latentShape();

  /** The T + 1 noise levels of a walk of {@code numInferenceSteps} steps. */
  float[] sigmas(int numInferenceSteps);

  /** The compiled kernels of the device. */
  Kernels kernels();

  /** Where new tensors are made. */
  NDManager manager();

  /** The attention kernel of a forward of k {@code rows}, in words, for reports. */
  String attentionKernel(int rows);

  /** The device in words, for messages. */
  String device();

  /** Frees the weights and everything else on the device. */
  @Override
  void close();

  /**
   * Packed latents of one row.
   *
   * @param tokens S
   * @param channels C
   */
  record LatentShape(int tokens, int channels) {

    /** Numbers of one row: S·C. */
    public int size() {
      return tokens * channels;
    }
  }
}
