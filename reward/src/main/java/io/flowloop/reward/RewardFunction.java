package io.flowloop.reward;

import io.flowloop.engine.RgbImage;

/**
 * A score of one image for its prompt, known by a name that configurations use.
 *
 * <p>Implementations are found by {@link java.util.ServiceLoader}: list the class in {@code
 * META-INF/services/io.flowloop.reward.RewardFunction} of any jar on the class path. The class is
 * public with a public constructor without parameters, which does no work: every listed class is
 * created to learn its name. Load models on first use.
 */
public interface RewardFunction extends AutoCloseable {

  /** The name in {@code reward.functions.<name>.weight}; the same on every call. */
  String name();

  /**
   * All that scores depend on beside prompt and image, in one line for people: functions of two
   * processes score the same if they say the same. The name, where that is all there is to say.
   */
  default String identity() {
    return name();
  }

  /**
   * The score, higher is better; any scale, as the weight of the configuration multiplies it.
   *
   * <p>Called by several threads at once. The score of an image depends on nothing but the
   * arguments, so that the order of scoring changes no result.
   *
   * @throws Exception when there is no score; an exception, NaN and the infinities all fail the
   *     sample, so never answer 0 for "unknown"
   */
  double score(String prompt, RgbImage image) throws Exception;

  /**
   * Checks that a prompt can be scored at all; called for every prompt before the first image.
   *
   * <p>A node that scores for others begins with a grey image for the prompt {@code "0"}, quotes
   * included, unless this refuses it; if that gets no score, the node ends.
   *
   * @throws IllegalArgumentException naming what is wrong with the prompt
   */
  default void checkPrompt(String prompt) {}

  /** Frees what {@link #score} loaded; no score follows. */
  @Override
  default void close() {}
}
