package io.flowloop.engine.qwenimage;

import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * A step of the VAE's encoder or decoder: a method of {@code vae.py} and its weights.
 *
 * @param kernel the method; takes features and a list of weights
 * @param weights in the method's order
 * @param unused the layer's tensors that only videos need
 */
record VaeLayer(String kernel, List<Weight> weights, List<Weight> unused) {

  /** A tensor of the file. */
  record Weight(String name, List<Long> shape) {

    Weight {
      shape = List.copyOf(shape);
    }
  }

  VaeLayer {
    weights = List.copyOf(weights);
    unused = List.copyOf(unused);
  }

  private VaeLayer(String kernel, List<List<Weight>> parts) {
    this(kernel, parts.stream().flatMap(List::stream).toList(), List.of());
  }

  /** A convolution over {@code edge}×{@code edge} pixels and as many frames. */
  static VaeLayer convolution(String name, long in, long out, long edge) {
    return new VaeLayer("vae_convolution", List.of(convolved(name, out, in, edge, edge, edge)));
  }

  /** A norm and a convolution. */
  static VaeLayer head(String part, long in, long out) {
    return new VaeLayer(
        "vae_head", List.of(normConvolved(part + ".norm_out", part + ".conv_out", in, out)));
  }

  static VaeLayer residual(String name, long in, long out) {
    return new VaeLayer(
        "vae_residual",
        List.of(
            normConvolved(name + ".norm1", name + ".conv1", in, out),
            normConvolved(name + ".norm2", name + ".conv2", out, out),
            in == out ? List.of() : convolved(name + ".conv_shortcut", out, in, 1, 1, 1)));
  }

  static VaeLayer attention(String name, long width) {
    return new VaeLayer(
        "vae_attention",
        List.of(
            List.of(new Weight(name + ".norm.gamma", List.of(width, 1L, 1L))),
            convolved(name + ".to_qkv", 3 * width, width, 1, 1),
            convolved(name + ".proj", width, width, 1, 1)));
  }

  /** To twice the height and width and half the channels. */
  static VaeLayer upsample(String name, long width, boolean temporal) {
    return new VaeLayer(
        "vae_upsample",
        convolved(name + ".resample.1", width / 2, width, 3, 3),
        timeConvolved(name, temporal, 2 * width, width));
  }

  /** To half the height and width. */
  static VaeLayer downsample(String name, long width, boolean temporal) {
    return new VaeLayer(
        "vae_downsample",
        convolved(name + ".resample.1", width, width, 3, 3),
        timeConvolved(name, temporal, width, width));
  }

  private static List<Weight> normConvolved(String norm, String convolution, long in, long out) {
    return Stream.concat(
            Stream.of(new Weight(norm + ".gamma", List.of(in, 1L, 1L, 1L))),
            convolved(convolution, out, in, 3, 3, 3).stream())
        .toList();
  }

  private static List<Weight> timeConvolved(String name, boolean temporal, long out, long in) {
    return temporal ? convolved(name + ".time_conv", out, in, 3, 1, 1) : List.of();
  }

  private static List<Weight> convolved(String name, long... shape) {
    return List.of(
        new Weight(name + ".weight", LongStream.of(shape).boxed().toList()),
        new Weight(name + ".bias", List.of(shape[0])));
  }
}
