package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;

/**
 * Classifier-free guidance as one forward of 2k rows: the k of the negative prompt, then the k of
 * the prompt. Without guidance the forward has the k rows alone.
 *
 * @param pipeline the model
 * @param scale g; 1 is no guidance
 */
record Guidance(Pipeline pipeline, double scale) {

  /**
   * The tokens that rows are conditioned on.
   *
   * @param prompt (1, L, D), or (k, L, D) where the rows differ in it
   * @param negative (1, L, D), or the prompt's own where there is no guidance
   */
  record Conditioning(NDArray prompt, NDArray negative) {}

  boolean isOn() {
    return scale != 1;
  }

  /** The prompt's tokens with those that they are led away from. */
  Conditioning conditioning(NDArray prompt) {
    Pipeline.TextEncoder encoder = pipeline.textEncoder();
    return new Conditioning(
        prompt, isOn() ? encoder.encode(encoder.negativePrompt()).tokens() : prompt);
  }

  /** Rows of the network's forward for k samples. */
  int rowsOfForward(int k) {
    return isOn() ? 2 * k : k;
  }

  /** The text of each row of a forward. */
  NDArray rowsOfText(Conditioning conditioning, int k) {
    return isOn()
        ? repeat(conditioning.negative(), k).concat(repeat(conditioning.prompt(), k))
        : conditioning.prompt();
  }

  /** The latents of each row of a forward, from (k, S, C). */
  NDArray rowsOfLatents(NDArray x) {
    return isOn() ? x.concat(x) : x;
  }

  /** The velocity (k, S, C) that the sampler takes, from the forward's. */
  NDArray guided(NDArray velocity) {
    return isOn()
        ? pipeline.kernels().one("guide", velocity, pipeline.manager().create((float) scale))
        : velocity;
  }

  private static NDArray repeat(NDArray tokens, int k) {
    Shape shape = tokens.getShape();
    return shape.get(0) == k ? tokens : tokens.broadcast(k, shape.get(1), shape.get(2));
  }
}
