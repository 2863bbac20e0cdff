package io.flowloop.engine;

/**
 * How many samples the next forward may have: at most as configured, and at most what one engine
 * has learned of its device's memory.
 *
 * <p>What is learned are tokens, rows of the network's forward times image and text tokens of each:
 * nearly all that a forward allocates grows with them. Bytes would claim more than is known, since
 * a device tells neither what a forward will take nor what others will have taken by then. It only
 * falls, for as long as the engine lives.
 */
final class ForwardLimit {

  private final int maxRows;
  private long tokens = Long.MAX_VALUE;

  /**
   * @param maxRows most samples of a forward as configured, 1 or more
   */
  ForwardLimit(int maxRows) {
    this.maxRows = maxRows;
  }

  /**
   * The end of the forward that begins at sample {@code from} of a request. What is learned cuts
   * within the forwards that are configured, so that mini-batches, which are whole ones, stay
   * whole.
   *
   * @param rows of the request
   * @param tokensPerSample in a forward of the network
   */
  int end(int from, int rows, long tokensPerSample) {
    int configured = maxRows - from % maxRows;
    int learned = Math.clamp(tokens / tokensPerSample, 1, maxRows);
    return from + Math.min(rows - from, Math.min(configured, learned));
  }

  /** A forward of so many samples did not fit: from now on half of it is the most. */
  void halve(int rows, long tokensPerSample) {
    tokens = Math.max(1, rows / 2) * tokensPerSample;
  }
}
