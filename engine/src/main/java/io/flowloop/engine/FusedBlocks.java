package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDScope;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The blocks of a dual-stream transformer as a rollout runs them: products with what fits into
 * them, {@link Fusions} between them, and tokens that change in place. Nothing can be recorded.
 *
 * <p>A block's modulation is a triple (shift, factor, gate) for the attention and one for the MLP
 * of the image, then of the text. The residual of a layer and the norm in front of the next are one
 * step, which adds the bias of the product before it, too.
 */
final class FusedBlocks implements AutoCloseable {

  /** Tensors of a block, and of a stream of it. */
  private static final int BLOCK = 20;

  private static final int STREAM = 10;

  /**
   * Tensors of a stream's adapters: pairs for queries, keys, values, output and both MLP layers.
   */
  private static final int ADAPTERS = 12;

  /** Parts of the modulation: of a block, of a stream of it, and of its attention alone. */
  private static final int PARTS = 12;

  private static final int STREAM_PARTS = 6;
  private static final int LAYER_PARTS = 3;

  private final Kernels kernels;
  private final Fusions fusions;
  private final List<Block> blocks;
  private final List<NDArray> owned = new ArrayList<>();

  /** Both streams of a block. */
  private record Block(Stream image, Stream text) {

    List<NDArray> norms() {
      return List.of(image.normQ, image.normK, text.normQ, text.normK);
    }
  }

  /** Layers are a weight, its bias, and their adapter where there is one. */
  private record Stream(
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
  }

  /**
   * @param weights 20 tensors a block: of the image qkv (3·D, D) and its bias, the norms of queries
   *     and keys, the output and its bias, both MLP layers and theirs, and the same of the text
   * @param adapters none, or 24 tensors a block: pairs (A, B) that add (x·Aᵀ)·Bᵀ to queries, keys,
   *     values, output and both MLP layers of the image, and of the text; without elements where
   *     there is none, and queries' for all three where B has the rows of all. They are copied as
   *     they are now.
   */
  FusedBlocks(Kernels kernels, Fusions fusions, List<NDArray> weights, List<NDArray> adapters) {
    this.kernels = kernels;
    this.fusions = fusions;
    this.blocks =
        IntStream.range(0, weights.size() / BLOCK)
            .mapToObj(
                block ->
                    new Block(
                        stream(2 * block, weights, adapters),
                        stream(2 * block + 1, weights, adapters)))
            .toList();
  }

  private Stream stream(int index, List<NDArray> weights, List<NDArray> adapters) {
    List<NDArray> w = weights.subList(index * STREAM, (index + 1) * STREAM);
    List<NDArray> pairs =
        adapters.isEmpty() ? adapters : adapters.subList(index * ADAPTERS, (index + 1) * ADAPTERS);
    return new Stream(
        layer(w.subList(0, 2), pairs, 0, 3),
        w.get(2),
        w.get(3),
        layer(w.subList(4, 6), pairs, 3, 4),
        layer(w.subList(6, 8), pairs, 4, 5),
        layer(w.subList(8, 10), pairs, 5, 6));
  }

  /** A layer with the adapters from pair {@code from} to {@code to} of its stream. */
  private List<NDArray> layer(List<NDArray> weights, List<NDArray> pairs, int from, int to) {
    if (pairs.isEmpty()) {
      return weights;
    }
    List<NDArray> its = pairs.subList(2 * from, 2 * to);
    if (its.stream().allMatch(tensor -> tensor.size() == 0)) {
      return weights;
    }
    NDArray weight = weights.getFirst();
    boolean isWhole = its.get(1).size() > 0 && rows(its.get(1)) == rows(weight);
    NDList adapter = kernels.run("fused_adapter", weight, isWhole ? its.subList(0, 2) : its);
    adapter.forEach(NDScope::unregister);
    owned.addAll(adapter);
    List<NDArray> layer = new ArrayList<>(weights);
    layer.addAll(adapter);
    return layer;
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
   * @return (k, S, D)
   */
  NDArray through(
      NDArray image, NDArray text, NDArray modulation, NDArray rotations, NDArray runs) {
    try (TensorScope scope = new TensorScope()) {
      NDList buffers = kernels.run("fused_buffers", image, text, blocks.getFirst().image().normQ());
      Work work =
          new Work(
              image,
              text,
              buffers.subList(0, 2),
              buffers.subList(2, 5),
              kernels.one("fused_like", modulation, image),
              rotations,
              runs);
      fusions.normalize(image, modulation(work, 0), work.normedImage());
      fusions.normalize(text, modulation(work, STREAM_PARTS), work.normedText());
      for (int block = 0; block < blocks.size(); block++) {
        through(block, work);
      }
      return scope.keep(work.normedImage());
    }
  }

  private static Fusions.Modulation modulation(Work work, int part) {
    return new Fusions.Modulation(work.modulation(), part);
  }

  private void through(int index, Work work) {
    Block block = blocks.get(index);
    int part = index * PARTS;
    try (TensorScope _ = new TensorScope()) {
      NDList attended = attended(block, work);
      finish(work, work.image(), attended.get(0), work.normedImage(), block.image(), part);
      // Nobody reads the text that leaves the last block.
      if (index < blocks.size() - 1) {
        finish(
            work,
            work.text(),
            attended.get(1),
            work.normedText(),
            block.text(),
            part + STREAM_PARTS);
      }
    }
  }

  /** What the attention of a block adds to both streams, before bias and gate. */
  private NDList attended(Block block, Work work) {
    try (TensorScope scope = new TensorScope()) {
      NDArray image = kernels.one("fused_linear", work.normedImage(), block.image().qkv());
      NDArray text = kernels.one("fused_linear", work.normedText(), block.text().qkv());
      fusions.heads(image, text, block.norms(), work.rotations(), work.joint());
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

  /** The rest of a block for one stream, up to the norm in front of the next block. */
  private void finish(
      Work work, NDArray tokens, NDArray attended, NDArray normed, Stream stream, int part) {
    Fusions.Modulation attention = modulation(work, part);
    Fusions.Modulation mlp = modulation(work, part + LAYER_PARTS);
    Fusions.Modulation next = modulation(work, part + PARTS);
    fusions.addAndNormalize(tokens, attended, bias(stream.out()), attention, mlp, normed);
    NDArray hidden = kernels.one("fused_linear_gelu", normed, stream.up());
    NDArray added = kernels.one("fused_product", hidden, stream.down());
    fusions.addAndNormalize(tokens, added, bias(stream.down()), mlp, next, normed);
  }

  private static NDArray bias(List<NDArray> layer) {
    return layer.get(1);
  }

  /** Frees the copies of the adapters; the weights are the caller's. */
  @Override
  public void close() {
    owned.forEach(NDArray::close);
  }
}
