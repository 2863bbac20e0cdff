package io.flowloop.engine;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What a text encoder made of a prompt. All samples of a request share one object; those of the
 * same numbers are equal, wherever they come from.
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

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof PromptEmbedding embedding
        && width == embedding.width
        && Arrays.equals(mask, embedding.mask)
        && Arrays.equals(values, embedding.values);
  }

  /** Of few of the numbers: there may be millions. */
  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(mask) + width;
  }
}
