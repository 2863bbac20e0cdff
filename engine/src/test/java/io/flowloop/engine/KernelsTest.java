package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Device;
import io.flowloop.config.Dtype;
import java.util.function.Supplier;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class KernelsTest {

  @ParameterizedTest
  @CsvSource({
    "FLOAT32, 8, 128, 384", "FLOAT32, 48, 128, 384", "FLOAT32, 48, 512, 128",
    "FLOAT32, 768, 64, 128", "FLOAT32, 768, 512, 128", "BFLOAT16, 8, 128, 384",
    "BFLOAT16, 768, 512, 128"
  })
  void linear_recorded_hasTheBitsOfTheUnrecorded(Dtype dtype, int rows, int in, int out) {
    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), dtype, 1);
        TensorScope _ = new TensorScope()) {
      Supplier<NDArray> linear = linear(device, rows, in, out);

      assertThat(Gradients.recorded(linear).toFloatArray())
          .isEqualTo(Gradients.unrecorded(linear).toFloatArray());
    }
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

      assertThat(linear(device, rows, in, out).get().toFloatArray())
          .containsExactly(expected, within(tolerance));
    }
  }

  private static Supplier<NDArray> linear(LoadedDevice device, int rows, int in, int out) {
    NDManager manager = device.manager();
    NDArray x = manager.create(normals(0, rows * in), new Shape(rows, in));
    NDArray w = manager.create(normals(1, out * in), new Shape(out, in));
    NDArray b = manager.create(normals(2, out));
    return () -> device.kernels().one("linear", x, w, b);
  }

  @ParameterizedTest
  @EnumSource(Dtype.class)
  void gelu_recordedOrNot_isItsTanhForm(Dtype dtype) {
    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), dtype, 1);
        TensorScope _ = new TensorScope()) {
      float[] x = normals(0, 1000);
      float[] expected = new float[x.length];
      for (int i = 0; i < x.length; i++) {
        double inner = Math.sqrt(2 / Math.PI) * (x[i] + 0.044715 * x[i] * x[i] * x[i]);
        expected[i] = (float) (0.5 * x[i] * (1 + Math.tanh(inner)));
      }
      Supplier<NDArray> gelu = () -> device.kernels().one("gelu", device.manager().create(x));

      assertThat(Gradients.unrecorded(gelu).toFloatArray())
          .containsExactly(expected, within(1e-6f))
          .isEqualTo(Gradients.recorded(gelu).toFloatArray());
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
      assertThat(device.kernels().attention(x.getShape()))
          .isEqualTo(tokens <= 256 ? "matrix products" : "libtorch flash");
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
