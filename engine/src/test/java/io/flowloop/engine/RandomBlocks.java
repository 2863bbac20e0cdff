package io.flowloop.engine;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Random weights and inputs of {@link FusedBlocks} that differ from call to call: float32, but
 * numbers that bfloat16 can hold.
 */
final class RandomBlocks {

  private final NDManager manager;
  private final int width;
  private final int headWidth;
  private final int blocks;
  private long drawn;

  RandomBlocks(NDManager manager, int width, int headWidth, int blocks) {
    this.manager = manager;
    this.width = width;
    this.headWidth = headWidth;
    this.blocks = blocks;
  }

  /** Normal numbers around a mean. */
  NDArray tensor(double mean, double std, long... shape) {
    Shape of = new Shape(shape);
    float[] values = Noise.normals(drawn++, Noise.Use.WEIGHTS, 0, Math.toIntExact(of.size()));
    for (int i = 0; i < values.length; i++) {
      int bits = Float.floatToRawIntBits((float) (mean + std * values[i]));
      values[i] = Float.intBitsToFloat(bits & 0xffff0000);
    }
    return manager.create(values, of);
  }

  private NDArray dense(long out, long in) {
    return tensor(0, 1 / Math.sqrt((double) in), out, in);
  }

  List<NDArray> weights() {
    List<NDArray> weights = new ArrayList<>();
    for (int stream = 0; stream < 2 * blocks; stream++) {
      weights.add(dense(3L * width, width));
      weights.add(tensor(0, 0.5, 3L * width));
      weights.add(tensor(1, 0.2, headWidth));
      weights.add(tensor(1, 0.2, headWidth));
      weights.add(dense(width, width));
      weights.add(tensor(0, 0.5, width));
      weights.add(dense(4L * width, width));
      weights.add(tensor(0, 0.5, 4L * width));
      weights.add(dense(width, 4L * width));
      weights.add(tensor(0, 0.5, width));
    }
    return weights;
  }

  /** Adapters of queries, values and all else but the keys, of ranks that differ. */
  List<NDArray> adapters() {
    List<NDArray> pairs = new ArrayList<>();
    for (int stream = 0; stream < 2 * blocks; stream++) {
      adapt(pairs, 2, width, width);
      pairs.add(manager.create(new float[0]));
      pairs.add(manager.create(new float[0]));
      adapt(pairs, 3, width, width);
      adapt(pairs, 2, width, width);
      adapt(pairs, 4, width, 4L * width);
      adapt(pairs, 1, 4L * width, width);
    }
    return pairs;
  }

  private void adapt(List<NDArray> pairs, long rank, long in, long out) {
    pairs.add(dense(rank, in));
    pairs.add(tensor(0, 0.3, out, rank));
  }

  NDArray tokens(long rows, long tokens) {
    return tensor(1, 2, rows, tokens, width);
  }

  /** Of that many rows. */
  NDArray modulation(long rows) {
    return tensor(0.5, 0.5, rows, (12L * blocks + 2) * width);
  }

  NDArray rotations(int tokens) {
    float[] values = Noise.normals(drawn++, Noise.Use.WEIGHTS, 0, tokens * headWidth);
    for (int i = 0; i < values.length; i += 2) {
      double angle = values[i];
      values[i] = (float) Math.cos(angle);
      values[i + 1] = (float) Math.sin(angle);
    }
    return manager.create(values, new Shape(tokens, headWidth / 2, 2));
  }

  /**
   * @param runs rows and tokens of text of each
   */
  NDArray runs(long[]... runs) {
    long[] numbers = Arrays.stream(runs).flatMapToLong(Arrays::stream).toArray();
    return manager.newSubManager(Device.cpu()).create(numbers, new Shape(runs.length, 2));
  }
}
