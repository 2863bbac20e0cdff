package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDScope;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The blocks of a dual-stream transformer as a rollout runs them: products with what fits into
 * them, {@link Fusions} between them, and tokens that change in place. Nothing can be recorded.
 *
 * <p>A block's modulation is a triple (shift, factor, gate) for the attention and one for the MLP
 * of the image, then of the text. The residual of a layer and the norm in front of the next are one
 * step, which adds the bias of the product before it, too.
 */
final class FusedBlocks implements AutoCloseable {

  /** Tensors of a stream of a block: half of the block's. */
  private static final int STREAM = MmditNames.BLOCK / 2;

  /**
   * Tensors of a stream's adapters: a pair for each of its layers, which are half of the block's.
   */
  private static final int ADAPTERS = MmditNames.ADAPTED;

  /** Parts of the modulation: of a block, of a stream of it, and of its attention alone. */
  private static final int PARTS = 12;

  private static final int STREAM_PARTS = 6;
  private static final int LAYER_PARTS = 3;

  private final Kernels kernels;
  private final Fusions fusions;
  private final List<Block> blocks;
  private final List<NDArray> owned = new ArrayList<>();

  /** Both streams of a block. */
  private record Block(Tensors image, Tensors text) {

    List<NDArray> norms() {
      return List.of(image.normQ, image.normK, text.normQ, text.normK);
    }

    /** The bias of a layer, of both streams. */
    List<NDArray> biases(Function<Tensors, List<NDArray>> layer) {
      return List.of(layer.apply(image).get(1), layer.apply(text).get(1));
    }
  }

  /** Layers are a weight and its bias, and what {@code fusions.py} says where they are adapted. */
  private record Tensors(
      List<NDArray> qkv,
      NDArray normQ,
      NDArray normK,
      List<NDArray> out,
      List<NDArray> up,
      List<NDArray> down) {}

  /**
   * What a forward works on.
   *
   * @param normed tokens after the last norm, of the image and of the text
   * @param joint queries, keys and values of all tokens
   */
  private record Work(
      NDArray image,
      NDArray text,
      List<NDArray> normed,
      List<NDArray> joint,
      NDArray modulation,
      NDArray rotations,
      NDArray runs) {

    NDArray normedImage() {
      return normed.getFirst();
    }

    NDArray normedText() {
      return normed.getLast();
    }

    /**
     * Both streams in front of a norm.
     *
     * @param part of the image's modulation
     */
    List<Fusions.Norm> norms(int part) {
      return List.of(
          new Fusions.Norm(image, modulation(part), normedImage()),
          new Fusions.Norm(text, modulation(part + STREAM_PARTS), normedText()));
    }

    /**
     * What is added to both streams.
     *
     * @param part of the image's modulation
     */
    List<Fusions.Residual> residuals(List<NDArray> added, List<NDArray> biases, int part) {
      return List.of(
          new Fusions.Residual(added.get(0), biases.get(0), modulation(part)),
          new Fusions.Residual(added.get(1), biases.get(1), modulation(part + STREAM_PARTS)));
    }

    private Fusions.Modulation modulation(int part) {
      return new Fusions.Modulation(modulation, part);
    }
  }

  /**
   * @param weights 20 tensors a block: of the image qkv (3·D, D) and its bias, the norms of queries
   *     and keys, the output and its bias, both MLP layers and theirs, and the same of the text
   * @param adapters none, or 24 tensors a block: pairs (A, B) that add (x·Aᵀ)·Bᵀ to queries, keys,
   *     values, output and both MLP layers of the image, and of the text; without elements where
   *     there is none, and queries' for all three where B has the rows of all. They are copied as
   *     they are now, and adapted weights of qkv and of the first MLP layer with them.
   */
  FusedBlocks(Kernels kernels, Fusions fusions, List<NDArray> weights, List<NDArray> adapters) {
    this.kernels = kernels;
    this.fusions = fusions;
    try {
      this.blocks =
          IntStream.range(0, weights.size() / MmditNames.BLOCK)
              .mapToObj(
                  block ->
                      new Block(
                          stream(2 * block, weights, adapters),
                          stream(2 * block + 1, weights, adapters)))
              .toList();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private Tensors stream(int index, List<NDArray> weights, List<NDArray> adapters) {
    List<NDArray> w = weights.subList(index * STREAM, (index + 1) * STREAM);
    List<NDArray> pairs =
        adapters.isEmpty() ? adapters : adapters.subList(index * ADAPTERS, (index + 1) * ADAPTERS);
    return new Tensors(
        widened(w.subList(0, 2), pairs, 0, 3),
        w.get(2),
        w.get(3),
        beside(w.subList(4, 6), pairs, 3),
        widened(w.subList(6, 8), pairs, 4, 5),
        beside(w.subList(8, 10), pairs, 5));
  }

  /**
   * A layer that reads normalized tokens, with the adapters from pair {@code from} to {@code to} of
   * its stream in its weight.
   */
  private List<NDArray> widened(List<NDArray> weights, List<NDArray> pairs, int from, int to) {
    if (!isAdapted(pairs, from, to)) {
      return weights;
    }
    List<NDArray> its = pairs.subList(2 * from, 2 * to);
    NDArray weight = weights.getFirst();
    boolean isWhole = its.get(1).size() > 0 && rows(its.get(1)) == rows(weight);
    NDList tensors = own(kernels.run("fused_widened", weight, isWhole ? its.subList(0, 2) : its));
    return List.of(tensors.get(0), weights.get(1), tensors.get(1));
  }

  /** A layer with adapter {@code pair} of its stream beside it. */
  private List<NDArray> beside(List<NDArray> weights, List<NDArray> pairs, int pair) {
    if (!isAdapted(pairs, pair, pair + 1)) {
      return weights;
    }
    NDList tensors =
        own(kernels.run("fused_beside", weights.getFirst(), pairs.subList(2 * pair, 2 * pair + 2)));
    return List.of(weights.get(0), weights.get(1), tensors.get(0), tensors.get(1));
  }

  private static boolean isAdapted(List<NDArray> pairs, int from, int to) {
    return !pairs.isEmpty()
        && pairs.subList(2 * from, 2 * to).stream().anyMatch(tensor -> tensor.size() > 0);
  }

  private NDList own(NDList tensors) {
    tensors.forEach(NDScope::unregister);
    owned.addAll(tensors);
    return tensors;
  }

  private static long rows(NDArray matrix) {
    return matrix.getShape().get(0);
  }

  /**
   * The image tokens behind the last block, normalized with the modulation of the output.
   *
   * @param image (k, S, D), contiguous; used up
   * @param text (k, L, D), contiguous; used up
   * @param modulation (k, M) or (1, M) for all rows: M = 12·D for each block, and shift and factor
   *     of the output
   * @param rotations cosines and sines: (S + L, width of a head / 2, 2), float32
   * @param runs (runs, 2), int64 in plain memory: rows of a run, and the tokens that their text has
   * @param before is shown the tokens of image and text in front of each block, which change behind
   *     it
   * @return (k, S, D)
   */
  NDArray through(
      NDArray image,
      NDArray text,
      NDArray modulation,
      NDArray rotations,
      NDArray runs,
      BiConsumer<NDArray, NDArray> before) {
    try (TensorScope scope = new TensorScope()) {
      NDList buffers =
          kernels.run(
              "fused_buffers",
              image,
              text,
              blocks.getFirst().image().normQ(),
              widest(Block::image),
              widest(Block::text));
      Work work =
          new Work(
              image,
              text,
              buffers.subList(0, 2),
              buffers.subList(2, 5),
              kernels.one("fused_like", modulation, image),
              rotations,
              runs);
      fusions.normalize(work.norms(0));
      for (int block = 0; block < blocks.size(); block++) {
        before.accept(image, text);
        through(block, work);
      }
      return scope.keep(kernels.one("fused_result", work.normedImage(), image));
    }
  }

  /** The weight with most columns of those that read normalized tokens of a stream. */
  private NDArray widest(Function<Block, Tensors> stream) {
    return blocks.stream()
        .map(stream)
        .flatMap(its -> Stream.of(its.qkv(), its.up()))
        .map(List::getFirst)
        .max(Comparator.comparingLong(weight -> weight.getShape().get(1)))
        .orElseThrow();
  }

  private void through(int index, Work work) {
    Block block = blocks.get(index);
    int part = index * PARTS;
    try (TensorScope _ = new TensorScope()) {
      NDList attended = attended(block, work);
      fusions.addAndNormalize(
          work.residuals(attended, block.biases(Tensors::out), part),
          work.norms(part + LAYER_PARTS));
      NDList added =
          kernels.run(
              "fused_mlp",
              work.normedImage(),
              work.normedText(),
              block.image().up(),
              block.image().down(),
              block.text().up(),
              block.text().down());
      // Behind the last block stands the norm of the output, and nobody reads the text.
      int streams = index < blocks.size() - 1 ? 2 : 1;
      fusions.addAndNormalize(
          work.residuals(added, block.biases(Tensors::down), part + LAYER_PARTS)
              .subList(0, streams),
          work.norms(part + PARTS).subList(0, streams));
    }
  }

  /** What the attention of a block adds to both streams, before bias and gate. */
  private NDList attended(Block block, Work work) {
    try (TensorScope scope = new TensorScope()) {
      NDList qkv =
          kernels.run(
              "fused_qkv",
              work.normedImage(),
              work.normedText(),
              block.image().qkv(),
              block.text().qkv());
      fusions.heads(qkv.get(0), qkv.get(1), block.norms(), work.rotations(), work.joint());
      NDList attended =
          kernels.run(
              fusions.prefersCudnn() ? "fused_joint_by_cudnn" : "fused_joint_by_libtorch",
              work.image(),
              work.text(),
              work.joint(),
              work.runs(),
              block.image().out(),
              block.text().out());
      attended.forEach(scope::keep);
      return attended;
    }
  }

  /** Frees what was copied; the weights are the caller's. */
  @Override
  public void close() {
    owned.forEach(NDArray::close);
  }
}
