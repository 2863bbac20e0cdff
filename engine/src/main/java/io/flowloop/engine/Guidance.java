package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import java.util.List;

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
  Pipeline.Text rowsOfText(Conditioning conditioning, int k) {
    if (!isOn()) {
      return Pipeline.Text.of(conditioning.prompt());
    }
    long negative = conditioning.negative().getShape().get(1);
    long prompt = conditioning.prompt().getShape().get(1);
    long longest = Math.max(negative, prompt);
    NDArray tokens =
        padded(repeat(conditioning.negative(), k), longest)
            .concat(padded(repeat(conditioning.prompt(), k), longest));
    return negative == prompt
        ? Pipeline.Text.of(tokens)
        : new Pipeline.Text(tokens, List.of(run(k, negative), run(k, prompt)));
  }

  private static Pipeline.Text.Run run(int rows, long tokens) {
    return new Pipeline.Text.Run(rows, Math.toIntExact(tokens));
  }

  /** Zeros behind each text, up to {@code length} tokens. */
  private static NDArray padded(NDArray tokens, long length) {
    Shape shape = tokens.getShape();
    long missing = length - shape.get(1);
    return missing == 0
        ? tokens
        : tokens.concat(
            tokens.getManager().zeros(new Shape(shape.get(0), missing, shape.get(2))), 1);
  }

  /** The latents of each row of a forward, from (k, S, C). */
  NDArray rowsOfLatents(NDArray x) {
    return isOn() ? x.concat(x) : x;
  }

  /** The velocity (k, S, C) that the sampler takes, from the forward's. */
  NDArray guided(NDArray velocity) {
    return isOn()
        ? pipeline
            .kernels()
            .one(pipeline.guidance(), velocity, pipeline.manager().create((float) scale))
        : velocity;
  }

  private static NDArray repeat(NDArray tokens, int k) {
    Shape shape = tokens.getShape();
    return shape.get(0) == k ? tokens : tokens.broadcast(k, shape.get(1), shape.get(2));
  }
}
