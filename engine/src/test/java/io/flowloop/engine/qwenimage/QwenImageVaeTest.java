package io.flowloop.engine.qwenimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.flowloop.config.Device;
import io.flowloop.config.Dtype;
import io.flowloop.engine.ComponentWeights;
import io.flowloop.engine.JsonSettings;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.ModelProblems;
import io.flowloop.engine.Noise;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.TensorScope;
import io.flowloop.engine.qwenimage.VaeConfig.LatentScale;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The golden numbers were computed by diffusers. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class QwenImageVaeTest {

  private static final Shape LATENTS = new Shape(1, 4, 16, 16);
  private static final Shape IMAGE = new Shape(1, 3, 64, 64);

  private Path folder;
  private SafetensorsFile golden;
  private LoadedDevice device;
  private VaeConfig config;
  private QwenImageVae vae;

  @BeforeAll
  void open() throws URISyntaxException {
    folder =
        Path.of(
            Objects.requireNonNull(QwenImageVaeTest.class.getResource("/golden/tiny-qwen-image"))
                .toURI());
    golden = SafetensorsFile.open(folder.resolve("golden.safetensors"));
    device = LoadedDevice.open(new Device.Cpu(), 1);
    ModelProblems problems = new ModelProblems();
    config = VaeConfig.of(JsonSettings.read(folder, "vae/config.json", problems).orElseThrow());
    vae = load(Dtype.FLOAT32, problems);
  }

  private QwenImageVae load(Dtype dtype, ModelProblems problems) {
    try (NDManager loading = device.manager().newSubManager();
        ComponentWeights weights =
            ComponentWeights.open(
                folder, "vae", "diffusion_pytorch_model", Optional::of, problems)) {
      weights.check(QwenImageVae.layout(config));
      problems.throwIfAny(folder);
      return new QwenImageVae(
          device.kernels(),
          device.manager(),
          config,
          weights.load(QwenImageVae.needed(config), device.kernels(), loading, dtype));
    }
  }

  @AfterAll
  void close() {
    vae.close();
    device.close();
    golden.close();
  }

  private NDArray golden(String name, Shape shape) {
    return device.manager().create(golden.floats(name), shape);
  }

  private static double relativeError(float[] actual, double[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    double error = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      error = Math.max(error, Math.abs(actual[i] - expected[i]));
      size = Math.max(size, Math.abs(expected[i]));
    }
    return error / size;
  }

  private double errorToGolden(NDArray actual, String name) {
    float[] floats = golden.floats(name);
    double[] expected = new double[floats.length];
    for (int i = 0; i < expected.length; i++) {
      expected[i] = floats[i];
    }
    return relativeError(actual.toFloatArray(), expected);
  }

  @Test
  void decode_goldenLatents_givesTheGoldenImage() {
    try (TensorScope _ = new TensorScope()) {
      NDArray image = vae.decode(golden("vae.latents", LATENTS));

      assertThat(image.getShape()).isEqualTo(IMAGE);
      assertThat(errorToGolden(image, "vae.decoded")).isLessThan(1e-5);
    }
  }

  @Test
  void encode_goldenImage_givesTheGoldenMeans() {
    try (TensorScope _ = new TensorScope()) {
      NDArray means = vae.encode(golden("vae.pixels", IMAGE));

      assertThat(means.getShape()).isEqualTo(LATENTS);
      assertThat(errorToGolden(means, "vae.encoded_mean")).isLessThan(1e-5);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"nocfg", "cfg4"})
  void images_latentsOfTheGoldenPipeline_areItsImages(String pipeline) {
    try (TensorScope _ = new TensorScope()) {
      NDArray packed = golden("pipeline." + pipeline + ".latents_out", new Shape(2, 64, 16));
      NDArray images = vae.images(packed, 16, 16);

      assertThat(images.getShape()).isEqualTo(new Shape(2, 3, 64, 64));
      assertThat(errorToGolden(images, "pipeline." + pipeline + ".image")).isLessThan(1e-5);
    }
  }

  @Test
  void decodeAndEncode_twoRows_equalTheSingles() {
    try (TensorScope _ = new TensorScope()) {
      NDArray latents = normals(5, new Shape(2, 4, 16, 8));
      NDArray images = vae.decode(latents);
      NDArray means = vae.encode(images);

      for (int row = 0; row < 2; row++) {
        String rows = row + ":" + (row + 1);
        assertThat(images.get(rows).toFloatArray())
            .containsExactly(vae.decode(latents.get(rows)).toFloatArray(), within(1e-5f));
        assertThat(means.get(rows).toFloatArray())
            .containsExactly(vae.encode(images.get(rows)).toFloatArray(), within(1e-5f));
      }
    }
  }

  @Test
  void normalise_encodersLatents_areOfMeanZeroAndDeviationOne() {
    try (TensorScope _ = new TensorScope()) {
      float[] means = new float[4];
      float[] oneAbove = new float[4];
      for (int c = 0; c < 4; c++) {
        means[c] = config.latents().mean().get(c).floatValue();
        oneAbove[c] = (float) (config.latents().mean().get(c) + config.latents().std().get(c));
      }
      NDArray latents =
          device
              .manager()
              .create(means, new Shape(1, 4, 1, 1))
              .concat(device.manager().create(oneAbove, new Shape(1, 4, 1, 1)));
      NDArray normal = vae.normalise(latents);

      assertThat(normal.toFloatArray())
          .containsExactly(new float[] {0, 0, 0, 0, 1, 1, 1, 1}, within(1e-6f));
      assertThat(vae.denormalise(normal).toFloatArray())
          .containsExactly(latents.toFloatArray(), within(1e-6f));
    }
  }

  @Test
  void decodeAndEncode_bfloat16Weights_areNearFloat32() {
    try (QwenImageVae half = load(Dtype.BFLOAT16, new ModelProblems());
        TensorScope _ = new TensorScope()) {
      double image = errorToGolden(half.decode(golden("vae.latents", LATENTS)), "vae.decoded");
      double means = errorToGolden(half.encode(golden("vae.pixels", IMAGE)), "vae.encoded_mean");

      assertThat(image).isBetween(1e-4, 3e-2);
      assertThat(means).isBetween(1e-4, 3e-2);
    }
  }

  /** Attention at some resolutions, and widths that do not grow with every one. */
  @Test
  void decodeAndEncode_otherArchitecture_equalThePlainJavaTwin() {
    VaeConfig other =
        new VaeConfig(
            6,
            3,
            List.of(1, 2, 2, 3),
            2,
            List.of(1.0, 0.25),
            List.of(true, false, true),
            new LatentScale(List.of(0.0, 0.0, 0.0), List.of(1.0, 1.0, 1.0)));
    Map<String, float[]> weights = randomWeights(other);
    VaeTwin twin = new VaeTwin(other, weights);
    try (TensorScope _ = new TensorScope();
        QwenImageVae network =
            new QwenImageVae(device.kernels(), device.manager(), other, onDevice(other, weights))) {
      NDArray latents = normals(1, new Shape(1, 3, 2, 3));
      NDArray image = normals(2, new Shape(1, 3, 16, 24));
      double[] decoded = twin.decode(latents.toFloatArray(), 2, 3);

      assertThat(relativeError(network.decode(latents).toFloatArray(), decoded)).isLessThan(1e-5);
      // Clamped numbers would say little.
      assertThat(DoubleStream.of(decoded).filter(number -> Math.abs(number) < 1).count())
          .isGreaterThan(decoded.length / 2);
      assertThat(
              relativeError(
                  network.encode(image).toFloatArray(), twin.encode(image.toFloatArray(), 16, 24)))
          .isLessThan(1e-5);
    }
  }

  private static Map<String, float[]> randomWeights(VaeConfig config) {
    Map<String, float[]> weights = new LinkedHashMap<>();
    QwenImageVae.layout(config)
        .forEach(
            (name, shape) -> {
              int count = Math.toIntExact(shape.stream().reduce(1L, Math::multiplyExact));
              float[] values = Noise.normals(9, Noise.Use.WEIGHTS, weights.size(), count);
              boolean isGamma = name.endsWith(".gamma");
              boolean isWeight = name.endsWith(".weight");
              double std = isWeight ? 1 / Math.sqrt(count / (double) shape.get(0)) : 0.2;
              for (int i = 0; i < count; i++) {
                values[i] = (float) (values[i] * std + (isGamma ? 1 : 0));
              }
              weights.put(name, values);
            });
    return weights;
  }

  private Map<String, NDArray> onDevice(VaeConfig config, Map<String, float[]> weights) {
    Map<String, NDArray> tensors = new LinkedHashMap<>();
    QwenImageVae.layout(config)
        .forEach(
            (name, shape) ->
                tensors.put(
                    name,
                    device
                        .manager()
                        .create(
                            Objects.requireNonNull(weights.get(name)),
                            new Shape(shape.stream().mapToLong(Long::longValue).toArray()))));
    return tensors;
  }

  private NDArray normals(int seed, Shape shape) {
    return device
        .manager()
        .create(
            Noise.normals(seed, Noise.Use.TRAINING_DATA, 0, Math.toIntExact(shape.size())), shape);
  }

  @Test
  void images_again_leaveNoTensor() {
    draw(vae);
    int before = liveTensors();

    draw(vae);

    assertThat(liveTensors()).isEqualTo(before);
  }

  @Test
  void close_afterUse_leavesNoTensor() {
    // The kernels keep a tensor for each method that was ever called.
    use(Dtype.FLOAT32);
    use(Dtype.BFLOAT16);
    int before = liveTensors();

    use(Dtype.FLOAT32);
    use(Dtype.BFLOAT16);

    assertThat(liveTensors()).isEqualTo(before);
  }

  private int liveTensors() {
    return device.manager().getManagedArrays().size();
  }

  private void use(Dtype dtype) {
    try (QwenImageVae used = load(dtype, new ModelProblems())) {
      draw(used);
    }
  }

  private void draw(QwenImageVae network) {
    try (TensorScope _ = new TensorScope()) {
      NDArray images = network.images(normals(4, new Shape(1, 4, 16)), 4, 4);
      network.normalise(network.encode(images));
    }
  }

  @Test
  void layout_publishedModel_hasItsTensorsAndParameters() {
    VaeConfig published =
        new VaeConfig(
            96,
            16,
            List.of(1, 2, 4, 4),
            2,
            List.of(),
            List.of(false, true, true),
            new LatentScale(Collections.nCopies(16, 0.0), Collections.nCopies(16, 1.0)));
    Collection<List<Long>> shapes = QwenImageVae.layout(published).values();

    assertThat(shapes).hasSize(194);
    assertThat(
            shapes.stream()
                .mapToLong(shape -> shape.stream().reduce(1L, Math::multiplyExact))
                .sum())
        .isEqualTo(126_892_531);
  }
}
