package io.flowloop.agentloop;

import io.flowloop.engine.RowSeed;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Prompts in a shuffled order that repeats epoch after epoch, each epoch shuffled anew. The order
 * follows from the seed alone, so the number of prompts taken is all there is to resume from.
 */
public final class PromptDataset {

  private final List<Prompt> prompts;
  private final long shuffleSeed;

  private PromptDataset(List<Prompt> prompts, long shuffleSeed) {
    this.prompts = prompts;
    this.shuffleSeed = shuffleSeed;
  }

  /**
   * A data set of these texts.
   *
   * @throws IllegalArgumentException if there is no text
   */
  public static PromptDataset of(List<String> texts, long shuffleSeed) {
    if (texts.isEmpty()) {
      throw new IllegalArgumentException("0 prompts (expected: 1 or more)");
    }
    List<Prompt> prompts =
        IntStream.range(0, texts.size()).mapToObj(i -> new Prompt(i, texts.get(i))).toList();
    return new PromptDataset(prompts, shuffleSeed);
  }

  /**
   * The next prompts after some were taken, reaching over as many epochs as it needs.
   *
   * @param position prompts taken before, over all epochs
   * @param count how many; may exceed {@link #size}
   * @throws IllegalArgumentException if one of them is negative
   */
  public List<Prompt> promptsAt(long position, int count) {
    if (position < 0 || count < 0) {
      throw new IllegalArgumentException(
          "position %d, count %d (expected: 0 or more of both)".formatted(position, count));
    }
    List<Prompt> found = new ArrayList<>(count);
    while (found.size() < count) {
      long next = position + found.size();
      int from = (int) (next % prompts.size());
      int taken = Math.min(prompts.size() - from, count - found.size());
      found.addAll(epoch(Math.toIntExact(next / prompts.size())).subList(from, from + taken));
    }
    return found;
  }

  /** Every prompt once. {@link Random} and its shuffle are the same on every JDK. */
  private List<Prompt> epoch(int epoch) {
    List<Prompt> shuffled = new ArrayList<>(prompts);
    // Neighbouring seeds of Random resemble each other; a row's seed is mixed.
    Collections.shuffle(shuffled, new Random(RowSeed.of(shuffleSeed, epoch, 0).seed()));
    return shuffled;
  }

  /** Number of prompts in an epoch. */
  public int size() {
    return prompts.size();
  }
}
