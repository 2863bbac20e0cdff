package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.flowloop.config.Device;
import io.flowloop.config.Dtype;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What needs a GPU runs where there is one; the orchestration has its test without. */
class CudaKernelsTest {

  /** What rounding to bfloat16 may do to random numbers, as a part of their norm. */
  private static final double ROUNDING = 2e-3;

  static boolean hasGpu() {
    TorchRuntime.load(1);
    return TorchRuntime.gpus() > 0;
  }

  @Test
  void load_cpu_isEmpty() {
    assertThat(CudaKernels.load(ai.djl.Device.cpu(), Dtype.BFLOAT16, 64, 16)).isEmpty();
  }

  @Test
  void load_float32_isEmpty() {
    assertThat(CudaKernels.load(ai.djl.Device.gpu(0), Dtype.FLOAT32, 64, 16)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"96, 24", "64, 4", "1024, 512", "48, 32"})
  void load_headsThatDoNotFit_isEmpty(int width, int headWidth) {
    assertThat(CudaKernels.load(ai.djl.Device.gpu(0), Dtype.BFLOAT16, width, headWidth)).isEmpty();
  }

  @ParameterizedTest
  @EnabledIf("hasGpu")
  @CsvSource({"64, 16, 1", "64, 16, 3", "96, 32, 3", "3072, 128, 1", "3072, 128, 3", "768, 256, 3"})
  void normalize_gpu_isTheOperators(int width, int headWidth, int modulations) {
    try (Both both = new Both(width, headWidth)) {
      NDArray image = both.random.tokens(3, 37);
      NDArray text = both.random.tokens(3, 5);
      NDArray imageOut = both.random.tensor(0, 1, 3, 37, width + 8);
      NDArray textOut = both.random.tensor(0, 1, 3, 5, width);
      NDArray modulation = both.random.modulation(modulations);

      both.assertEqual(
          List.of(imageOut, textOut),
          at ->
              at.fusions.normalize(
                  List.of(
                      at.norm(image, modulation, 4, imageOut),
                      at.norm(text, modulation, 1, textOut))));
    }
  }

  @ParameterizedTest
  @EnabledIf("hasGpu")
  @CsvSource({"64, 16, 1", "64, 16, 3", "96, 32, 3", "3072, 128, 1", "3072, 128, 3", "768, 256, 3"})
  void addAndNormalize_gpu_isTheOperators(int width, int headWidth, int modulations) {
    try (Both both = new Both(width, headWidth)) {
      NDArray image = both.random.tokens(3, 37);
      NDArray text = both.random.tokens(3, 5);
      NDArray imageMore = both.random.tokens(3, 37);
      NDArray textMore = both.random.tokens(3, 5);
      NDArray imageOut = both.random.tensor(0, 1, 3, 37, width);
      NDArray textOut = both.random.tensor(0, 1, 3, 5, width + 24);
      NDArray bias = both.random.tensor(0, 1, width);
      NDArray modulation = both.random.modulation(modulations);

      both.assertEqual(
          List.of(image, text, imageOut, textOut),
          at ->
              at.fusions.addAndNormalize(
                  List.of(
                      at.residual(imageMore, bias, modulation, 2),
                      at.residual(textMore, bias, modulation, 5)),
                  List.of(
                      at.norm(image, modulation, 9, imageOut),
                      at.norm(text, modulation, 0, textOut))));
    }
  }

  @Test
  @EnabledIf("hasGpu")
  void addAndNormalize_oneStream_isTheOperators() {
    try (Both both = new Both(64, 16)) {
      NDArray image = both.random.tokens(2, 9);
      NDArray more = both.random.tokens(2, 9);
      NDArray out = both.random.tokens(2, 9);
      NDArray bias = both.random.tensor(0, 1, 64);
      NDArray modulation = both.random.modulation(2);

      both.assertEqual(
          List.of(image, out),
          at ->
              at.fusions.addAndNormalize(
                  List.of(at.residual(more, bias, modulation, 2)),
                  List.of(at.norm(image, modulation, 9, out))));
    }
  }

  @ParameterizedTest
  @EnabledIf("hasGpu")
  @CsvSource({"64, 16", "64, 8", "96, 32", "1536, 64", "3072, 128", "768, 256"})
  void heads_gpu_isTheOperators(int width, int headWidth) {
    try (Both both = new Both(width, headWidth)) {
      NDArray image = both.random.tensor(0, 1, 3, 37, 3L * width);
      NDArray text = both.random.tensor(0, 1, 3, 5, 3L * width);
      List<NDArray> norms = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        norms.add(both.random.tensor(1, 0.3, headWidth));
      }
      NDArray rotations = both.random.rotations(42);
      List<NDArray> joint = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        joint.add(both.random.tensor(0, 1, 3, 42, width / headWidth, headWidth));
      }

      both.assertEqual(
          joint,
          at ->
              at.fusions.heads(
                  at.of(image),
                  at.of(text),
                  norms.stream().map(at::of).toList(),
                  rotations,
                  joint.stream().map(at::of).toList()));
    }
  }

  @Test
  @EnabledIf("hasGpu")
  void normalize_tensorsThatDoNotFit_saysSo() {
    try (Both both = new Both(64, 16)) {
      NDArray x = both.random.tokens(1, 3);
      NDArray modulation = both.random.modulation(1);

      assertThatThrownBy(() -> both.cuda.normalize(List.of(both.exact.norm(x, modulation, 0, x))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("dtype 6 (expected: contiguous, of dtype 15)");
    }
  }

  /** Whole blocks are no further from the truth than with operators. */
  @ParameterizedTest
  @EnabledIf("hasGpu")
  @CsvSource({"false", "true"})
  void through_gpu_isAsPreciseAsOperators(boolean adapted) {
    try (Both both = new Both(512, 64)) {
      List<NDArray> weights = both.random.weights();
      List<NDArray> adapters = adapted ? both.random.adapters() : List.of();
      NDArray image = both.random.tokens(3, 40);
      NDArray text = both.random.tokens(3, 24);
      NDArray modulation = both.random.modulation(1);
      NDArray rotations = both.random.rotations(64);
      NDArray runs = both.random.runs(new long[] {2, 9}, new long[] {1, 24});
      List<float[]> images = new ArrayList<>();
      for (Side side : List.of(both.exact, both.operators, both.kernels)) {
        List<NDArray> copies = weights.stream().map(side::of).toList();
        try (FusedBlocks blocks =
            new FusedBlocks(both.device.kernels(), side.fusions, copies, adapters)) {
          images.add(
              both.floats(
                  blocks.through(
                      side.of(image),
                      side.of(text),
                      side.of(modulation),
                      rotations,
                      runs,
                      (_, _) -> {})));
        }
      }

      double operators = error(images.get(1), images.get(0));
      assertThat(operators).isBetween(1e-4, 5e-2);
      assertThat(error(images.get(2), images.get(0))).isLessThan(1.1 * operators);
    }
  }

  private static double error(float[] actual, float[] expected) {
    double squares = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      squares += Math.pow((double) actual[i] - expected[i], 2);
      norm += Math.pow(expected[i], 2);
    }
    return Math.sqrt(squares / norm);
  }

  /** One way of computing: its fusions, and a copy of each tensor in its dtype. */
  private static final class Side {

    private final Kernels kernels;
    private final Fusions fusions;
    private final boolean rounds;
    private final IdentityHashMap<NDArray, NDArray> copies = new IdentityHashMap<>();

    Side(Kernels kernels, Fusions fusions, boolean rounds) {
      this.kernels = kernels;
      this.fusions = fusions;
      this.rounds = rounds;
    }

    NDArray of(NDArray tensor) {
      return copies.computeIfAbsent(
          tensor, _ -> rounds ? kernels.one("fused_bfloat16", tensor) : tensor.duplicate());
    }

    Fusions.Norm norm(NDArray x, NDArray modulation, int part, NDArray out) {
      return new Fusions.Norm(of(x), new Fusions.Modulation(of(modulation), part), of(out));
    }

    Fusions.Residual residual(NDArray y, NDArray bias, NDArray modulation, int part) {
      return new Fusions.Residual(of(y), of(bias), new Fusions.Modulation(of(modulation), part));
    }
  }

  /** A GPU with the kernels, and with the operators in float32 and in bfloat16. */
  private static final class Both implements AutoCloseable {

    private final LoadedDevice device = LoadedDevice.open(new Device.Gpu(0), 1);
    private final TensorScope scope = new TensorScope();
    private final RandomBlocks random;
    private final CudaKernels cuda;
    private final Side exact;
    private final Side operators;
    private final Side kernels;

    Both(int width, int headWidth) {
      random = new RandomBlocks(device.manager(), width, headWidth, 2);
      cuda =
          CudaKernels.load(device.manager().getDevice(), Dtype.BFLOAT16, width, headWidth)
              .orElseThrow();
      Fusions libtorchs = new OperatorFusions(device.kernels(), device.manager());
      exact = new Side(device.kernels(), libtorchs, false);
      operators = new Side(device.kernels(), libtorchs, true);
      kernels = new Side(device.kernels(), cuda, true);
    }

    /** The kernels leave in {@code results} what operators do in float32, but for rounding. */
    void assertEqual(List<NDArray> results, Consumer<Side> fusion) {
      fusion.accept(exact);
      fusion.accept(kernels);
      for (NDArray result : results) {
        assertThat(error(floats(kernels.of(result)), floats(exact.of(result))))
            .isLessThan(ROUNDING);
      }
    }

    float[] floats(NDArray tensor) {
      return device.kernels().one("fused_like", tensor, device.manager().create(0f)).toFloatArray();
    }

    @Override
    public void close() {
      scope.close();
      cuda.close();
      device.close();
    }
  }
}
