package io.flowloop.agentloop;

import io.flowloop.engine.RowSeed;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Prompts in a shuffled order that repeats epoch after epoch, each epoch shuffled anew. The order
 * follows from the seed alone, so a training step is all there is to resume from.
 */
public final class PromptDataset {

  private final List<Prompt> prompts;
  private final int promptsPerStep;
  private final long shuffleSeed;

  private PromptDataset(List<Prompt> prompts, int promptsPerStep, long shuffleSeed) {
    this.prompts = prompts;
    this.promptsPerStep = promptsPerStep;
    this.shuffleSeed = shuffleSeed;
  }

  /**
   * A data set of these texts.
   *
   * @param promptsPerStep B, 1 or more; may exceed the number of texts
   * @throws IllegalArgumentException if there is no text
   */
  public static PromptDataset of(List<String> texts, int promptsPerStep, long shuffleSeed) {
    if (texts.isEmpty() || promptsPerStep < 1) {
      throw new IllegalArgumentException(
          "%d prompts, %d a step (expected: 1 or more of both)"
              .formatted(texts.size(), promptsPerStep));
    }
    List<Prompt> prompts =
        IntStream.range(0, texts.size()).mapToObj(i -> new Prompt(i, texts.get(i))).toList();
    return new PromptDataset(prompts, promptsPerStep, shuffleSeed);
  }

  /** The B prompts of a training step; a step at the end of an epoch reaches into the next. */
  public List<Prompt> promptsOf(int step) {
    List<Prompt> found = new ArrayList<>(promptsPerStep);
    long position = (long) step * promptsPerStep;
    while (found.size() < promptsPerStep) {
      List<Prompt> epoch = epoch(Math.toIntExact(position / prompts.size()));
      int from = (int) (position % prompts.size());
      int to = Math.min(prompts.size(), from + promptsPerStep - found.size());
      found.addAll(epoch.subList(from, to));
      position += to - from;
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
