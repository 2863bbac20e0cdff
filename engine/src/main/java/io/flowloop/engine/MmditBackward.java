package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import io.flowloop.engine.MmditSteps.Layout;
import io.flowloop.engine.MmditSteps.Tokens;
import java.util.ArrayList;
import java.util.List;

/**
 * The way back through an {@link Mmdit} whose tokens between blocks were kept: each block is
 * computed again, and recorded alone.
 *
 * @param latents (k, S, C), what the forward began with
 * @param sigmas (T), the noise levels of its walk
 * @param step the one that the latents have
 * @param modulations of each block and of the output
 * @param before the tokens in front of each block
 * @param last the image tokens behind the last
 */
record MmditBackward(
    MmditSteps network,
    NDArray latents,
    NDArray sigmas,
    int step,
    Pipeline.Text prompts,
    List<NDArray> modulations,
    Layout layout,
    List<Tokens> before,
    NDArray last) {

  /**
   * Adds to the gradients of the weights.
   *
   * @param gradient that of the velocity
   */
  void from(NDArray gradient) {
    // Adapters may leave the embeddings as they are; then there is nothing to go back to.
    boolean embeddingsLearn = network.weights().embeddingsLearn();
    if (embeddingsLearn) {
      modulations.forEach(modulation -> modulation.setRequiresGradient(true));
    }
    List<NDArray> gradients = blocks(output(gradient));
    if (embeddingsLearn) {
      embeddings(gradients);
    }
  }

  /** The gradient of the last block's image tokens, from that of the velocity. */
  private NDArray output(NDArray gradient) {
    last.setRequiresGradient(true);
    try (TensorScope scope = new TensorScope()) {
      NDArray velocity = Gradients.recorded(() -> network.velocity(last, modulations.getLast()));
      Gradients.backward(velocity, gradient);
      return scope.keep(last.getGradient());
    }
  }

  /** The gradients of the first block's tokens, from that of the last one's image tokens. */
  private List<NDArray> blocks(NDArray imageGradient) {
    // The text that leaves the last block is not used.
    List<NDArray> gradients = List.of(imageGradient);
    for (int block = before.size() - 1; block >= 0; block--) {
      gradients = block(block, leaves(block), gradients);
    }
    return gradients;
  }

  /** The tokens in front of a block that something before them learns from. */
  private List<NDArray> leaves(int block) {
    Tokens tokens = before.get(block);
    if (block > 0 || network.weights().textLearns()) {
      return List.of(tokens.image(), tokens.text());
    }
    return network.weights().embeddingsLearn() ? List.of(tokens.image()) : List.of();
  }

  /** The gradients of {@code leaves} among the tokens before a block, from those behind it. */
  private List<NDArray> block(int block, List<NDArray> leaves, List<NDArray> gradients) {
    leaves.forEach(leaf -> leaf.setRequiresGradient(true));
    try (TensorScope scope = new TensorScope()) {
      // The gradient of an inner product with a constant is that constant, to the last bit.
      NDArray product =
          Gradients.recorded(
              () -> {
                Tokens after =
                    network.through(block, before.get(block), modulations.get(block), layout);
                return innerProduct(
                    List.of(after.image(), after.text()).subList(0, gradients.size()), gradients);
              });
      Gradients.backward(product, one());
      return Gradients.of(leaves).stream().map(scope::keep).toList();
    }
  }

  /**
   * Goes back through what is in front of the blocks.
   *
   * @param tokenGradients of the image tokens before the first block, and of the text where its
   *     embedding learns
   */
  private void embeddings(List<NDArray> tokenGradients) {
    try (TensorScope _ = new TensorScope()) {
      List<NDArray> gradients = new ArrayList<>(Gradients.of(modulations));
      gradients.addAll(tokenGradients);
      NDArray product =
          Gradients.recorded(
              () -> {
                List<NDArray> ends =
                    new ArrayList<>(network.modulations(network.conditioning(sigmas).get(step)));
                ends.add(network.embedImage(latents));
                if (network.weights().textLearns()) {
                  ends.add(network.embedText(prompts));
                }
                return innerProduct(ends, gradients);
              });
      Gradients.backward(product, one());
    }
  }

  private NDArray innerProduct(List<NDArray> values, List<NDArray> gradients) {
    return network.kernels().one("inner_product", values, gradients);
  }

  private NDArray one() {
    return network.manager().create(1f);
  }
}
