package io.flowloop.engine.qwenimage;

import static io.flowloop.engine.TwinArithmetic.doubles;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Device;
import io.flowloop.config.Dtype;
import io.flowloop.engine.Gradients;
import io.flowloop.engine.KernelVariants;
import io.flowloop.engine.Kernels;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.LowRank;
import io.flowloop.engine.Mmdit;
import io.flowloop.engine.Noise;
import io.flowloop.engine.Pipeline;
import io.flowloop.engine.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class QwenImageTransformerTest {

  private static final int LINES = 3;
  private static final int COLUMNS = 5;
  private static final float[] SIGMAS = {0.875f, 0.25f};
  private static final int STEP = 1;
  private static final TransformerConfig CONFIG =
      new TransformerConfig(3, 2, 20, 24, 12, List.of(4, 8, 8));

  private LoadedDevice device;

  @BeforeAll
  void open() {
    device = LoadedDevice.openFor(Dtype.FLOAT32, new Device.Cpu(), 1);
  }

  @AfterAll
  void close() {
    device.close();
  }

  private static SequencedMap<String, float[]> values(TransformerConfig config) {
    return RandomQwenImage.values(QwenImageTransformer.layout(config));
  }

  private Mmdit network(
      TransformerConfig config, Kernels kernels, Dtype dtype, int lines, int columns) {
    Map<String, float[]> values = values(config);
    SequencedMap<String, List<Long>> layout = QwenImageTransformer.layout(config);
    QwenImageTransformer.Source source =
        name -> {
          NDArray exact =
              tensor(
                  Objects.requireNonNull(values.get(name)), layout.getOrDefault(name, List.of()));
          return dtype == Dtype.BFLOAT16 ? kernels.one("bfloat16_copy", exact) : exact;
        };
    SequencedMap<String, NDArray> weights =
        QwenImageTransformer.weights(config, kernels, device.manager(), source);
    return QwenImageTransformer.create(
        kernels, device.manager(), config, weights, dtype, lines, columns);
  }

  private NDArray tensor(float[] values, List<Long> shape) {
    return device.manager().create(values, new Shape(shape));
  }

  private Mmdit network(Kernels kernels, Dtype dtype) {
    return network(CONFIG, kernels, dtype, LINES, COLUMNS);
  }

  private static TransformerTwin twin(
      TransformerConfig config, Map<String, float[]> values, int lines, int columns) {
    Map<String, double[]> exact = new LinkedHashMap<>();
    values.forEach((name, floats) -> exact.put(name, doubles(floats)));
    return new TransformerTwin(config, exact, lines, columns);
  }

  private static float[] floats(double[] doubles) {
    float[] floats = new float[doubles.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) doubles[i];
    }
    return floats;
  }

  /** A row's latents: S·C. */
  private static float[] latents(int row, int size) {
    return Noise.normals(3, Noise.Use.INITIAL_LATENTS, row, size);
  }

  private static float[] latents(int row) {
    return latents(row, LINES * COLUMNS * CONFIG.channels());
  }

  /** A prompt's tokens: L·textWidth, of no scale that a norm would leave as it is. */
  private static float[] prompt(int index, int size) {
    float[] prompt = Noise.normals(4, Noise.Use.TRAINING_DATA, index, size);
    for (int i = 0; i < size; i++) {
      prompt[i] = 5 * prompt[i] + 1;
    }
    return prompt;
  }

  private NDArray latents(List<Integer> rows) {
    return rows(rows.stream().map(QwenImageTransformerTest::latents).toList(), CONFIG.channels());
  }

  /** (k, tokens, width) of rows of as many numbers. */
  private NDArray rows(List<float[]> rows, int width) {
    int size = rows.getFirst().length;
    float[] all = new float[rows.size() * size];
    for (int row = 0; row < rows.size(); row++) {
      System.arraycopy(rows.get(row), 0, all, row * size, size);
    }
    return device.manager().create(all, new Shape(rows.size(), size / width, width));
  }

  private NDArray sigmas() {
    return device.manager().create(SIGMAS);
  }

  private float[] velocity(Pipeline.Denoiser network, NDArray latents, Pipeline.Text text) {
    try (TensorScope _ = new TensorScope()) {
      return network
          .velocity(latents, network.conditioning(sigmas()).get(STEP), text)
          .toFloatArray();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "3, 2, 20, 24, 12, 4 8 8, 3, 5, 7",
    "3, 2, 20, 24, 12, 4 8 8, 4, 1, 1",
    "1, 3, 16, 40, 16, 8 4 4, 1, 6, 12",
    "2, 1, 6, 8, 4, 2 2 2, 5, 2, 3"
  })
  void velocity_anyGeometry_equalsThePlainJavaTwin(
      int depth,
      int heads,
      int headWidth,
      int textWidth,
      int channels,
      String axes,
      int lines,
      int columns,
      int tokens) {
    TransformerConfig config =
        new TransformerConfig(
            depth,
            heads,
            headWidth,
            textWidth,
            channels,
            Arrays.stream(axes.split(" ")).map(Integer::valueOf).toList());
    float[] latents = latents(0, lines * columns * channels);
    float[] prompt = prompt(0, tokens * textWidth);
    TransformerTwin twin = twin(config, values(config), lines, columns);

    try (TensorScope _ = new TensorScope()) {
      Mmdit network = network(config, device.kernels(), Dtype.FLOAT32, lines, columns);
      float[] velocity =
          velocity(
              network,
              rows(List.of(latents), channels),
              Pipeline.Text.of(rows(List.of(prompt), textWidth)));

      assertThat(
              QwenImageVerification.error(
                  velocity, floats(twin.velocity(latents, SIGMAS[STEP], prompt))))
          .isLessThan(1e-5);
    }
  }

  /** Some layers of both streams, of q, k and v one or two. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void velocity_adaptersOnSomeLayers_equalsTheTwinOfMergedWeights(boolean kernelsOfAGpu) {
    List<String> adapted =
        List.of(
            "transformer_blocks.0.attn.to_q",
            "transformer_blocks.0.attn.to_v",
            "transformer_blocks.0.txt_mlp.net.0.proj",
            "transformer_blocks.1.attn.add_k_proj",
            "transformer_blocks.1.img_mlp.net.2",
            "transformer_blocks.1.attn.to_add_out",
            "transformer_blocks.2.attn.to_out.0",
            "transformer_blocks.2.img_mlp.net.0.proj");
    int rank = 2;
    SequencedMap<String, List<Long>> layout = QwenImageTransformer.layout(CONFIG);
    Map<String, float[]> merged = values(CONFIG);
    float[] prompt = prompt(0, 6 * CONFIG.textWidth());
    try (TensorScope _ = new TensorScope();
        Kernels gpu = KernelVariants.ofGpu(device)) {
      Map<String, NDArray> adapters = new LinkedHashMap<>();
      for (String layer : adapted) {
        List<Long> shape = layout.getOrDefault(layer + ".weight", List.of());
        int out = Math.toIntExact(shape.get(0));
        int in = Math.toIntExact(shape.get(1));
        float[] a = Noise.normals(6, Noise.Use.WEIGHTS, adapters.size(), rank * in);
        float[] b = Noise.normals(7, Noise.Use.WEIGHTS, adapters.size(), out * rank);
        for (int i = 0; i < b.length; i++) {
          b[i] *= 0.1f;
        }
        adapters.put(LowRank.a(layer), tensor(a, List.of((long) rank, (long) in)));
        adapters.put(LowRank.b(layer), tensor(b, List.of((long) out, (long) rank)));
        merge(Objects.requireNonNull(merged.get(layer + ".weight")), a, b, in);
      }
      Mmdit network = network(kernelsOfAGpu ? gpu : device.kernels(), Dtype.FLOAT32);
      Pipeline.Text text = Pipeline.Text.of(rows(List.of(prompt), CONFIG.textWidth()));
      float[] velocity = velocity(network.with(adapters), latents(List.of(0)), text);

      assertThat(
              QwenImageVerification.error(
                  velocity,
                  floats(
                      twin(CONFIG, merged, LINES, COLUMNS)
                          .velocity(latents(0), SIGMAS[STEP], prompt))))
          .isLessThan(1e-5);
      assertThat(
              QwenImageVerification.error(velocity(network, latents(List.of(0)), text), velocity))
          .isGreaterThan(0.01);
    }
  }

  /** W + B·A. */
  private static void merge(float[] weight, float[] a, float[] b, int in) {
    int rank = a.length / in;
    for (int i = 0; i < weight.length; i++) {
      for (int r = 0; r < rank; r++) {
        weight[i] += b[i / in * rank + r] * a[r * in + i % in];
      }
    }
  }

  /** Two rows of 9 tokens, then one of 4, which are padded with a number. */
  private Pipeline.Text twoRuns(float padding) {
    float[] padded = new float[9 * CONFIG.textWidth()];
    Arrays.fill(padded, padding);
    float[] shorter = prompt(2, 4 * CONFIG.textWidth());
    System.arraycopy(shorter, 0, padded, 0, shorter.length);
    return new Pipeline.Text(
        rows(List.of(longer(0), longer(1), padded), CONFIG.textWidth()),
        List.of(new Pipeline.Text.Run(2, 9), new Pipeline.Text.Run(1, 4)));
  }

  private Pipeline.Text firstRun() {
    return Pipeline.Text.of(rows(List.of(longer(0), longer(1)), CONFIG.textWidth()));
  }

  private Pipeline.Text secondRun() {
    return Pipeline.Text.of(rows(List.of(prompt(2, 4 * CONFIG.textWidth())), CONFIG.textWidth()));
  }

  private static float[] longer(int index) {
    return prompt(index, 9 * CONFIG.textWidth());
  }

  @Test
  void velocity_runsOfTwoLengths_isThatOfEachAlone() {
    try (TensorScope _ = new TensorScope()) {
      Mmdit network = network(device.kernels(), Dtype.FLOAT32);
      float[] first = velocity(network, latents(List.of(0, 1)), firstRun());
      float[] second = velocity(network, latents(List.of(2)), secondRun());
      float[] alone = Arrays.copyOf(first, first.length + second.length);
      System.arraycopy(second, 0, alone, first.length, second.length);

      float[] together = velocity(network, latents(List.of(0, 1, 2)), twoRuns(0));

      assertThat(QwenImageVerification.error(together, alone)).isLessThan(1e-6);
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {1e3f, -1e3f, Float.NaN})
  void velocity_otherPadding_hasTheSameBits(float padding) {
    try (TensorScope _ = new TensorScope()) {
      Mmdit network = network(device.kernels(), Dtype.FLOAT32);
      NDArray latents = latents(List.of(0, 1, 2));

      assertThat(velocity(network, latents, twoRuns(padding)))
          .isEqualTo(velocity(network, latents, twoRuns(0)));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void backward_runsOfTwoLengths_addsUpThoseOfEachAlone(boolean checkpointed) {
    try (TensorScope _ = new TensorScope()) {
      Mmdit network = network(device.kernels(), Dtype.FLOAT32);
      network.parameters().values().forEach(weight -> weight.setRequiresGradient(true));
      backward(network, checkpointed, List.of(0, 1), firstRun());
      backward(network, checkpointed, List.of(2), secondRun());
      Map<String, float[]> alone = taken(network);

      backward(network, checkpointed, List.of(0, 1, 2), twoRuns(1e3f));

      taken(network)
          .forEach(
              (name, gradient) ->
                  assertThat(error(gradient, Objects.requireNonNull(alone.get(name))))
                      .as(name)
                      .isLessThan(1e-5));
    }
  }

  /** The gradient of Σ v²: 2·v. */
  private void backward(
      Mmdit network, boolean checkpointed, List<Integer> rows, Pipeline.Text text) {
    try (TensorScope _ = new TensorScope()) {
      Pipeline.Denoiser.Recording forward =
          checkpointed
              ? network.checkpointed(latents(rows), sigmas(), STEP, text)
              : network.recorded(latents(rows), sigmas(), STEP, text);
      forward.backward().accept(forward.velocity().stopGradient().mul(2));
    }
  }

  /** What backward left, which is forgotten by this. */
  private static Map<String, float[]> taken(Mmdit network) {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    try (TensorScope _ = new TensorScope()) {
      network
          .parameters()
          .forEach((name, weight) -> gradients.put(name, weight.getGradient().toFloatArray()));
      Gradients.clear(network.parameters().values());
    }
    return gradients;
  }

  /** 0 for two that are nothing. */
  private static double error(float[] actual, float[] expected) {
    return Arrays.equals(actual, expected) ? 0 : QwenImageVerification.error(actual, expected);
  }

  @ParameterizedTest
  @EnumSource(Dtype.class)
  void velocity_kernelsOfAGpu_isThatOfACpu(Dtype dtype) {
    try (TensorScope _ = new TensorScope();
        Kernels gpu = KernelVariants.ofGpu(device);
        Kernels cpu = KernelVariants.ofWeights(device, dtype)) {
      Mmdit reference = network(device.kernels(), Dtype.FLOAT32);
      List<Pipeline.Text> texts =
          List.of(twoRuns(1e3f), Pipeline.Text.of(rows(List.of(longer(0)), CONFIG.textWidth())));
      NDArray latents = latents(List.of(0, 1, 2));
      for (Pipeline.Text text : texts) {
        float[] exact = velocity(reference, latents, text);
        double ofGpu =
            QwenImageVerification.error(velocity(network(gpu, dtype), latents, text), exact);
        double ofCpu =
            QwenImageVerification.error(velocity(network(cpu, dtype), latents, text), exact);

        assertThat(ofGpu).isLessThan(dtype == Dtype.FLOAT32 ? 1e-5 : 0.03);
        assertThat(ofCpu).isLessThan(dtype == Dtype.FLOAT32 ? 1e-5 : 0.03);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void backward_kernelsOfAGpu_leavesTheGradientsOfACpu(boolean checkpointed) {
    try (TensorScope _ = new TensorScope();
        Kernels gpu = KernelVariants.ofGpu(device)) {
      List<Map<String, float[]>> gradients = new ArrayList<>();
      for (Kernels kernels : List.of(device.kernels(), gpu)) {
        Mmdit network = network(kernels, Dtype.FLOAT32);
        network.parameters().values().forEach(weight -> weight.setRequiresGradient(true));
        backward(network, checkpointed, List.of(0, 1, 2), twoRuns(0));
        gradients.add(taken(network));
      }

      gradients
          .getFirst()
          .forEach(
              (name, gradient) ->
                  assertThat(error(Objects.requireNonNull(gradients.getLast().get(name)), gradient))
                      .as(name)
                      .isLessThan(1e-5));
    }
  }

  @Test
  void rotations_anyLength_areTheStartOfTheSameTable() {
    QwenRope rope = new QwenRope(device.manager(), CONFIG.ropeAxes(), LINES, COLUMNS);
    int before = device.manager().getManagedArrays().size();
    for (int tokens : new int[] {4, 9, 300, 1, 1024}) {
      try (TensorScope _ = new TensorScope()) {
        NDArray rotations = rope.rotations(tokens);

        assertThat(rotations.getShape()).isEqualTo(new Shape(LINES * COLUMNS + tokens, 10, 2));
        assertThat(rotations.toFloatArray()).isEqualTo(rope.table(tokens));
      }
    }
    assertThat(device.manager().getManagedArrays()).hasSize(before);
  }
}
