package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.flowloop.config.Dtype;
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

  /**
   * What the rows of a forward are conditioned on. Rows come in runs of equal length; behind a text
   * that is shorter than the longest stands padding, which no token attends to.
   *
   * @param tokens (k, L, D), or (1, L, D) for rows of one prompt
   * @param runs one or more; the longest has L tokens
   */
  record Text(NDArray tokens, List<Run> runs) {

    /**
     * Rows beside each other whose texts have one length.
     *
     * @param rows 1 or more
     * @param tokens of each text
     */
    public record Run(int rows, int tokens) {}

    public Text {
      runs = List.copyOf(runs);
    }

    /**
     * Texts of one length.
     *
     * @param tokens (k, L, D), or (1, L, D) for rows of one prompt
     */
    public static Text of(NDArray tokens) {
      return new Text(
          tokens,
          List.of(
              new Run(
                  Math.toIntExact(tokens.getShape().get(0)),
                  Math.toIntExact(tokens.getShape().get(1)))));
    }
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
     * @param text what the rows are conditioned on
     * @return (k, S, C), float32
     */
    NDArray velocity(NDArray latents, NDArray conditioning, Text text);

    /**
     * {@link #velocity}, recorded for a backward.
     *
     * @param sigmas (T), the noise levels of a walk
     * @param step the one that {@code latents} have
     */
    default Recording recorded(NDArray latents, NDArray sigmas, int step, Text text) {
      NDArray velocity =
          Gradients.recorded(() -> velocity(latents, conditioning(sigmas).get(step), text));
      return new Recording(velocity, gradient -> Gradients.backward(velocity, gradient));
    }

    /**
     * {@link #recorded}, to the same bits, but only what stands between blocks is kept: backward
     * computes each block again, for less memory and about a third more time.
     */
    Recording checkpointed(NDArray latents, NDArray sigmas, int step, Text text);

    /**
     * Frees what it made of its weights, which the next forward makes anew: when nobody needs it
     * for a while, and whenever they were written to.
     */
    default void release() {}

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

  /**
   * The denoiser's weights by name: live tensors, which may be written to in place unless they are
   * kept in bfloat16, where {@link SharedWeights} may be others' too.
   */
  SequencedMap<String, NDArray> weights();

  /**
   * The same network with other weights: these, by name, and the pipeline's own for the rest.
   *
   * @param weights among them may be both tensors of {@link LowRank} adapters of {@link #layers}
   */
  Denoiser denoiser(Map<String, NDArray> weights);

  /** The dense layers that may have adapters, by name. */
  SequencedMap<String, Layer> layers();

  /** Whether the device has only what is at work. */
  default boolean offloads() {
    return false;
  }

  /** What the weights are kept in. */
  Dtype dtype();

  /**
   * Tells these weights from others: the same for the same file.
   *
   * <p>Large models make it of the file while they read that.
   */
  default long checksum() {
    return PolicyWeights.checksum(DeviceWeights.read(weights(), weights().keySet()));
  }

  /** The kernel of classifier-free guidance: the velocities of 2k rows and a scale in, k out. */
  default String guidance() {
    return "guide";
  }

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
   * A dense layer.
   *
   * @param out width of what it answers
   * @param in width of what it is given
   */
  record Layer(long out, long in) {}

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
