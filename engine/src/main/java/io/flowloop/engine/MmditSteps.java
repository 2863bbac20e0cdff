package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.stream.LongStream;

/**
 * The parts of an {@link Mmdit} by libtorch's operators, one by one, as an update with checkpoints
 * needs them.
 *
 * @param host for numbers that are needed in plain memory
 * @param oneRun (1, 2), there, of any numbers
 * @param frequencies of the timestep's sine features
 */
record MmditSteps(
    Kernels kernels,
    NDManager manager,
    NDManager host,
    NDArray oneRun,
    MmditWeights weights,
    Mmdit.Places places,
    NDArray frequencies) {

  /** The tokens of both streams between two blocks. */
  record Tokens(NDArray image, NDArray text) {}

  /**
   * Where the tokens of a forward are.
   *
   * @param rotations of {@link Mmdit.Places#rotations}
   * @param runs (runs, 2), int64 in plain memory: rows, and the tokens that their text has
   */
  record Layout(NDArray rotations, NDArray runs) {}

  /** The layout of a forward by operators, which look at runs only if there are several. */
  Layout layout(Pipeline.Text prompts) {
    return new Layout(
        rotations(prompts), prompts.runs().size() > 1 ? runs(prompts.runs()) : oneRun);
  }

  /**
   * The layout of a forward by fused blocks.
   *
   * @param rows k, all of which may share one text
   */
  Layout layout(Pipeline.Text prompts, long rows) {
    List<Pipeline.Text.Run> runs =
        prompts.runs().size() > 1
            ? prompts.runs()
            : List.of(
                new Pipeline.Text.Run(Math.toIntExact(rows), prompts.runs().getFirst().tokens()));
    return new Layout(rotations(prompts), runs(runs));
  }

  private NDArray rotations(Pipeline.Text prompts) {
    return places.rotations(Math.toIntExact(prompts.tokens().getShape().get(1)));
  }

  private NDArray runs(List<Pipeline.Text.Run> runs) {
    long[] numbers =
        runs.stream().flatMapToLong(run -> LongStream.of(run.rows(), run.tokens())).toArray();
    return host.create(numbers, new Shape(runs.size(), 2));
  }

  /** Shifts, factors and gates of all blocks and of the output: (T, M) of T noise levels. */
  NDArray modulation(NDArray sigmas) {
    return kernels.one("modulation", sigmas, frequencies, weights.time(), weights.modulation());
  }

  /** A row of it for each noise level. */
  List<NDArray> conditioning(NDArray sigmas) {
    return kernels.run("rows", modulation(sigmas));
  }

  /**
   * The modulation of each block, then that of the output.
   *
   * @param conditioning a row of {@link #conditioning}
   */
  List<NDArray> modulations(NDArray conditioning) {
    return kernels.run("blocks_modulation", conditioning, weights.image());
  }

  NDArray embedImage(NDArray latents) {
    return kernels.one("image_embedding", latents, places.added(), weights.image());
  }

  NDArray embedText(Pipeline.Text prompts) {
    return kernels.one("text_embedding", prompts.tokens(), weights.text());
  }

  /** The tokens behind a block; behind the last, whose text nobody reads, the text before it. */
  Tokens through(int block, Tokens tokens, NDArray modulation, Layout layout) {
    boolean last = block == weights.depth() - 1;
    NDList after =
        kernels.run(
            last ? "last_mmdit_block" : "mmdit_block",
            tokens.image(),
            tokens.text(),
            modulation,
            layout.rotations(),
            layout.runs(),
            weights.block(block),
            weights.adapters(block));
    return new Tokens(after.get(0), last ? tokens.text() : after.get(1));
  }

  /** The velocity of the image tokens behind the last block. */
  NDArray velocity(NDArray image, NDArray modulation) {
    return kernels.one("output_velocity", image, modulation, weights.output());
  }
}
