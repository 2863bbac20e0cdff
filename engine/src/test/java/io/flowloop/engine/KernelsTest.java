package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Device;
import io.flowloop.config.Dtype;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class KernelsTest {

  @Test
  @EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
  void linear_x86_isOneDnns() {
    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), 1)) {
      assertThat(device.kernels().linear()).isEqualTo("oneDNN");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "FLOAT32, 8, 128, 384", "FLOAT32, 48, 128, 384", "FLOAT32, 48, 512, 128",
    "FLOAT32, 768, 64, 128", "FLOAT32, 768, 512, 128", "BFLOAT16, 8, 128, 384",
    "BFLOAT16, 768, 512, 128"
  })
  void linear_recorded_hasTheBitsOfTheUnrecorded(Dtype dtype, int rows, int in, int out) {
    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), dtype, 1);
        TensorScope _ = new TensorScope()) {
      for (String method : List.of("linear", "linear_gelu")) {
        Supplier<NDArray> linear = linear(device, method, rows, in, out);

        assertThat(Gradients.recorded(linear).toFloatArray())
            .as(method)
            .isEqualTo(Gradients.unrecorded(linear).toFloatArray());
      }
    }
  }

  /** Its recorded form computes by one operator and knows the gradient of another. */
  @ParameterizedTest
  @CsvSource({
    "linear, 8, 48",
    "linear, 32, 48",
    "linear, 200, 3",
    "linear, 200, 48",
    "linear, 200, 64",
    "linear, 200, 96",
    "linear, 200, 384",
    "linear_gelu, 8, 48",
    "linear_gelu, 200, 48",
    "linear_gelu, 200, 64",
    "linear_gelu, 200, 160",
    "linear_gelu, 200, 512"
  })
  void linear_recorded_hasTheGradientsOfDifferences(String method, int rows, int out) {
    int in = 16;
    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), 1);
        TensorScope _ = new TensorScope()) {
      NDManager manager = device.manager();
      List<float[]> values = List.of(normals(0, rows * in), normals(1, out * in), normals(2, out));
      List<Shape> shapes = List.of(new Shape(rows, in), new Shape(out, in), new Shape(out));
      List<NDArray> leaves = new ArrayList<>();
      for (int i = 0; i < shapes.size(); i++) {
        leaves.add(manager.create(values.get(i), shapes.get(i)));
        leaves.get(i).setRequiresGradient(true);
      }
      NDArray output = Gradients.recorded(() -> device.kernels().one(method, leaves.toArray()));
      Gradients.backward(output, output.onesLike());

      for (int i = 0; i < shapes.size(); i++) {
        float[] gradient = Gradients.of(leaves).get(i).toFloatArray();
        for (int at : new int[] {0, gradient.length - 1}) {
          float step = 0.01f;
          double slope =
              (sum(device, method, shapes, values, i, at, step)
                      - sum(device, method, shapes, values, i, at, -step))
                  / (2 * step);
          assertThat((double) gradient[at])
              .as("%s, argument %d, number %d", method, i, at)
              .isCloseTo(slope, within(2e-3 * Math.max(1, Math.abs(slope))));
        }
      }
    }
  }

  /** The sum of a method's output once a number of an argument has moved by {@code step}. */
  private static double sum(
      LoadedDevice device,
      String method,
      List<Shape> shapes,
      List<float[]> values,
      int argument,
      int at,
      float step) {
    Object[] arguments = new Object[shapes.size()];
    for (int i = 0; i < arguments.length; i++) {
      float[] moved = values.get(i).clone();
      if (i == argument) {
        moved[at] += step;
      }
      arguments[i] = device.manager().create(moved, shapes.get(i));
    }
    double sum = 0;
    for (float y : device.kernels().one(method, arguments).toFloatArray()) {
      sum += y;
    }
    return sum;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 31, 32, 200})
  void linear_anyRows_isTheProduct(int rows) {
    assertLinear(Dtype.FLOAT32, rows, 1e-5f);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 200})
  void linear_bfloat16_isTheProductToEightBits(int rows) {
    assertLinear(Dtype.BFLOAT16, rows, 0.1f);
  }

  private static void assertLinear(Dtype dtype, int rows, float tolerance) {
    int in = 24;
    int out = 40;
    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), dtype, 1);
        TensorScope _ = new TensorScope()) {
      float[] x = normals(0, rows * in);
      float[] w = normals(1, out * in);
      float[] b = normals(2, out);
      float[] expected = new float[rows * out];
      for (int row = 0; row < rows; row++) {
        for (int o = 0; o < out; o++) {
          double sum = b[o];
          for (int i = 0; i < in; i++) {
            sum += (double) x[row * in + i] * w[o * in + i];
          }
          expected[row * out + o] = (float) sum;
        }
      }

      assertThat(linear(device, "linear", rows, in, out).get().toFloatArray())
          .containsExactly(expected, within(tolerance));
    }
  }

  private static Supplier<NDArray> linear(
      LoadedDevice device, String method, int rows, int in, int out) {
    NDManager manager = device.manager();
    NDArray x = manager.create(normals(0, rows * in), new Shape(rows, in));
    NDArray w = manager.create(normals(1, out * in), new Shape(out, in));
    NDArray b = manager.create(normals(2, out));
    return () -> device.kernels().one(method, x, w, b);
  }

  @ParameterizedTest
  @CsvSource({"FLOAT32, 31, 1e-5", "FLOAT32, 200, 1e-5", "BFLOAT16, 200, .05"})
  void linearGelu_anyRows_isTheTanhFormOfTheProduct(Dtype dtype, int rows, float tolerance) {
    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), dtype, 1);
        TensorScope _ = new TensorScope()) {
      float[] products = linear(device, "linear", rows, 24, 40).get().toFloatArray();
      float[] expected = new float[products.length];
      for (int i = 0; i < products.length; i++) {
        double x = products[i];
        double inner = Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
        expected[i] = (float) (0.5 * x * (1 + Math.tanh(inner)));
      }

      assertThat(linear(device, "linear_gelu", rows, 24, 40).get().toFloatArray())
          .containsExactly(expected, within(tolerance));
    }
  }

  /** Above and below the tokens from which the fused kernel is taken. */
  @ParameterizedTest
  @ValueSource(ints = {5, 256, 257})
  void attention_anyTokens_isTheWeightedMean(int tokens) {
    int heads = 2;
    int width = 4;
    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), 1);
        TensorScope _ = new TensorScope()) {
      float[] values = normals(0, heads * tokens * width);
      NDArray x = device.manager().create(values, new Shape(1, heads, tokens, width));

      float[] attended = device.kernels().one("attention", x, x, x).toFloatArray();

      assertThat(attended).containsExactly(attended(values, heads, tokens, width), within(1e-5f));
      assertThat(device.kernels().attention(x.getShape(), Dtype.FLOAT32))
          .isEqualTo(tokens <= 256 ? "matrix products" : "libtorch flash");
    }
  }

  /** On a GPU the layer is three products, and its adapter is cut as the weight is. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void block_adapterOfTheWholeQkv_isThatOfItsParts(boolean kernelsOfAGpu) {
    long width = 16;
    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), 1);
        Kernels gpu = KernelVariants.ofGpu(device);
        TensorScope _ = new TensorScope()) {
      Kernels kernels = kernelsOfAGpu ? gpu : device.kernels();
      NDManager manager = device.manager();
      RandomBlocks random = new RandomBlocks(manager, (int) width, 8, 1);
      NDArray none = manager.create(new float[0]);
      NDArray notTurned = manager.create(new float[0]);
      NDArray oneRun = manager.create(new float[0]);
      List<NDArray> whole = new ArrayList<>();
      List<NDArray> parts = new ArrayList<>();
      for (int stream = 0; stream < 2; stream++) {
        NDArray a = random.tensor(0, 0.3, 2, width);
        NDArray b = random.tensor(0, 0.3, 3 * width, 2);
        whole.addAll(List.of(a, b, none, none, none, none));
        b.split(3).forEach(part -> parts.addAll(List.of(a, part)));
        whole.addAll(Collections.nCopies(6, none));
        parts.addAll(Collections.nCopies(6, none));
      }
      List<NDArray> weights = random.weights();
      NDArray image = random.tensor(0, 1, 3, 5, width);
      NDArray text = random.tensor(0, 1, 1, 4, width);
      NDArray modulation = random.tensor(0, 0.5, 1, 12 * width);
      Function<List<NDArray>, float[]> block =
          adapters ->
              kernels
                  .run("mmdit_block", image, text, modulation, notTurned, oneRun, weights, adapters)
                  .getFirst()
                  .toFloatArray();

      assertThat(block.apply(whole)).containsExactly(block.apply(parts), within(1e-5f));
      assertThat(block.apply(whole)).isNotEqualTo(block.apply(List.of()));
    }
  }

  private static float[] attended(float[] x, int heads, int tokens, int width) {
    float[] attended = new float[x.length];
    for (int query = 0; query < heads * tokens; query++) {
      int head = query / tokens * tokens;
      double[] sums = new double[width];
      double total = 0;
      for (int key = head; key < head + tokens; key++) {
        double logit = 0;
        for (int i = 0; i < width; i++) {
          logit += (double) x[query * width + i] * x[key * width + i];
        }
        double weight = Math.exp(logit);
        total += weight;
        for (int i = 0; i < width; i++) {
          sums[i] += weight * x[key * width + i];
        }
      }
      for (int i = 0; i < width; i++) {
        attended[query * width + i] = (float) (sums[i] / total);
      }
    }
    return attended;
  }

  private static float[] normals(int index, int count) {
    return Noise.normals(1, Noise.Use.WEIGHTS, index, count);
  }
}
