package io.flowloop.rollout;

import java.util.OptionalLong;

/**
 * How long an engine takes for packs of one kind, in nanoseconds. A pack has three parts, each with
 * a median of its own: up to its first denoising step (which encodes the prompts too), from one
 * step to the next, and from the last step to its results.
 */
final class Pace {

  /** What kind of work has one pace: as many rows with as much work for each. */
  record Key(int rows, int numInferenceSteps, boolean guided) {}

  private final Median head = new Median();
  private final Median step = new Median();
  private final Median tail = new Median();

  /**
   * A denoising step has ended.
   *
   * @param first whether it was the first of its pack
   * @param nanos since the step before it, or since the pack's begin
   */
  void stepped(boolean first, long nanos) {
    (first ? head : step).add(nanos);
  }

  /** A pack has ended, so long after its last step. */
  void ended(long nanos) {
    tail.add(nanos);
  }

  /**
   * How long the part that runs now usually takes; empty while too few have been seen.
   *
   * @param done denoising steps that have ended
   * @param of all of them
   */
  OptionalLong part(int done, int of) {
    if (done == 0) {
      return head.get();
    }
    return (done < of ? step : tail).get();
  }
}
