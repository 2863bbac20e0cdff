package io.flowloop.engine;

/**
 * What a text encoder made of a prompt. All samples of a request share one object.
 *
 * @param values L·D numbers, token by token; the array is not copied
 * @param mask L flags: true where the token carries text, false where it pads
 * @param width D
 */
public record PromptEmbedding(float[] values, boolean[] mask, int width) {

  public PromptEmbedding {
    if (width < 1 || values.length != (long) mask.length * width) {
      throw new IllegalArgumentException(
          "prompt embedding: %d values (expected: %d tokens · width %d, which is 1 or more)"
              .formatted(values.length, mask.length, width));
    }
  }

  /** L, padding included. */
  public int tokens() {
    return mask.length;
  }
}
