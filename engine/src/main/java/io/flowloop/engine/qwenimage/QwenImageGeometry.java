package io.flowloop.engine.qwenimage;

import io.flowloop.engine.SigmaShift;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/** Sizes of a Qwen-Image whose weights need not be anywhere. */
public enum QwenImageGeometry {
  /** Those of the published model. */
  PUBLISHED,
  /** Two narrow blocks and pictures of 4×4 pixels a cell: a matter of milliseconds on a CPU. */
  TINY;

  TransformerConfig transformer() {
    return switch (this) {
      case PUBLISHED -> new TransformerConfig(60, 24, 128, 3584, 64, List.of(16, 56, 56));
      case TINY -> new TransformerConfig(2, 2, 16, 24, 16, List.of(4, 6, 6));
    };
  }

  VaeConfig vae() {
    return switch (this) {
      case PUBLISHED ->
          new VaeConfig(
              96,
              16,
              List.of(1, 2, 4, 4),
              2,
              List.of(),
              List.of(false, true, true),
              new VaeConfig.LatentScale(
                  List.of(
                      -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134,
                      -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921),
                  List.of(
                      2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687,
                      2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160)));
      case TINY ->
          new VaeConfig(
              8,
              4,
              List.of(1, 2, 2),
              1,
              List.of(),
              List.of(false, true),
              new VaeConfig.LatentScale(List.of(0.0, 0.1, -0.1, 0.2), List.of(1.0, 1.5, 2.0, 2.5)));
    };
  }

  /** The published one. */
  SchedulerConfig scheduler() {
    return new SchedulerConfig(
        Optional.of(new SigmaShift(0.5, 0.9, 256, 8192, OptionalDouble.of(0.02))), 1);
  }

  /** How many numbers the transformer's weights are. */
  public long parameters() {
    return transformer().parameters();
  }

  /** {@code 60 blocks, 24 heads of 128, text of 3584}, for people. */
  public String words() {
    TransformerConfig config = transformer();
    return "%d blocks, %d heads of %d, text of %d"
        .formatted(config.depth(), config.heads(), config.headWidth(), config.textWidth());
  }
}
