package io.flowloop.engine.glyph;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Map;
import java.util.Objects;

/**
 * The glyph network written once more in DJL's tensor operators, each of which libtorch
 * differentiates: what the gradients of the kernels are checked against, number by number.
 */
final class GlyphNdTwin {

  private static final double EPS = 1e-6;

  private final GlyphConfig config;
  private final Map<String, NDArray> weights;
  private final NDManager manager;
  private final int rows;
  private final int columns;

  /**
   * @param weights by name
   * @param rows image tokens in a column
   * @param columns image tokens in a line
   */
  GlyphNdTwin(
      GlyphConfig config, Map<String, NDArray> weights, NDManager manager, int rows, int columns) {
    this.config = config;
    this.weights = weights;
    this.manager = manager;
    this.rows = rows;
    this.columns = columns;
  }

  /** The arguments and the result are those of {@link io.flowloop.engine.Mmdit#velocity}. */
  NDArray velocity(NDArray latents, NDArray sigmas, NDArray text) {
    NDArray conditioning = conditioning(sigmas).expandDims(1);
    NDArray image = linear(latents, "image_embed").add(positions());
    NDArray words = text;
    for (int block = 0; block < config.depth(); block++) {
      String ofImage = "blocks." + block + ".image";
      String ofText = "blocks." + block + ".text";
      NDList imageMod = linear(conditioning, ofImage + ".mod").split(6, 2);
      NDList textMod = linear(conditioning, ofText + ".mod").split(6, 2);
      NDList imageQkv = qkv(image, imageMod, ofImage);
      NDList textQkv = qkv(words, textMod, ofText);
      NDArray attended =
          attention(
              textQkv.get(0).concat(imageQkv.get(0), 2),
              textQkv.get(1).concat(imageQkv.get(1), 2),
              textQkv.get(2).concat(imageQkv.get(2), 2));
      NDList streams = attended.split(new long[] {words.getShape().get(1)}, 1);
      words = finish(words, streams.get(0), textMod, ofText);
      image = finish(image, streams.get(1), imageMod, ofImage);
    }
    NDList mod = linear(conditioning, "output.mod").split(2, 2);
    return linear(modulate(image, mod.get(0), mod.get(1)), "output.proj");
  }

  private NDArray conditioning(NDArray sigmas) {
    NDArray angles = sigmas.mul(1000).expandDims(1).mul(frequencies(config.width() / 2));
    NDArray features = angles.cos().concat(angles.sin(), 1);
    return silu(linear(silu(linear(features, "time_embed.0")), "time_embed.2"));
  }

  /** 10000^(−i/count): (count). */
  private NDArray frequencies(int count) {
    return manager.arange((float) count).mul(-Math.log(10_000) / count).exp();
  }

  /** Sine features of each token's line, then of its column: (S, D). */
  private NDArray positions() {
    NDArray tokens = manager.arange((float) rows * columns);
    NDArray lines = tokens.div(columns).floor();
    return sines(lines).concat(sines(tokens.sub(lines.mul(columns))), 1);
  }

  private NDArray sines(NDArray places) {
    NDArray angles = places.expandDims(1).mul(frequencies(config.width() / 4));
    return angles.sin().concat(angles.cos(), 1);
  }

  /** Query, key and value (k, heads, tokens, head) of one stream. */
  private NDList qkv(NDArray tokens, NDList mod, String stream) {
    NDArray x = linear(modulate(tokens, mod.get(0), mod.get(1)), stream + ".to_qkv");
    NDList parts = x.split(3, 2);
    return new NDList(
        normed(heads(parts.get(0)), stream + ".norm_q"),
        normed(heads(parts.get(1)), stream + ".norm_k"),
        heads(parts.get(2)));
  }

  private NDArray heads(NDArray x) {
    Shape shape = x.getShape();
    return x.reshape(shape.get(0), shape.get(1), config.heads(), -1).transpose(0, 2, 1, 3);
  }

  private NDArray normed(NDArray x, String name) {
    NDArray squares = x.square().mean(new int[] {3}, true);
    return x.div(squares.add(EPS).sqrt()).mul(weight(name + ".weight"));
  }

  /** (k, tokens, D). */
  private static NDArray attention(NDArray q, NDArray k, NDArray v) {
    Shape shape = q.getShape();
    NDArray scores = q.matMul(k.transpose(0, 1, 3, 2)).div(Math.sqrt((double) shape.get(3)));
    return scores
        .softmax(3)
        .matMul(v)
        .transpose(0, 2, 1, 3)
        .reshape(shape.get(0), shape.get(2), -1);
  }

  private NDArray finish(NDArray x, NDArray attended, NDList mod, String stream) {
    NDArray mixed = x.add(mod.get(2).mul(linear(attended, stream + ".to_out")));
    NDArray hidden = linear(modulate(mixed, mod.get(3), mod.get(4)), stream + ".mlp.0");
    NDArray inner = hidden.add(hidden.pow(3).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
    NDArray gelu = hidden.mul(0.5).mul(inner.tanh().add(1));
    return mixed.add(mod.get(5).mul(linear(gelu, stream + ".mlp.2")));
  }

  private static NDArray modulate(NDArray x, NDArray shift, NDArray scale) {
    NDArray centred = x.sub(x.mean(new int[] {2}, true));
    NDArray variance = centred.square().mean(new int[] {2}, true);
    return centred.div(variance.add(EPS).sqrt()).mul(scale.add(1)).add(shift);
  }

  private NDArray linear(NDArray x, String name) {
    return x.matMul(weight(name + ".weight").transpose()).add(weight(name + ".bias"));
  }

  private static NDArray silu(NDArray x) {
    return x.div(x.neg().exp().add(1));
  }

  private NDArray weight(String name) {
    return Objects.requireNonNull(weights.get(name), name);
  }
}
