package io.flowloop.engine.qwenimage;

import static io.flowloop.engine.TwinArithmetic.doubles;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.flowloop.config.Device;
import io.flowloop.config.Dtype;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.Noise;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.SafetensorsWriter;
import io.flowloop.engine.TensorScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class QwenTextEncoderTest {

  private static final double TOLERANCE = 1e-5;

  private LoadedDevice device;
  private SafetensorsFile golden;
  private QwenTextEncoder encoder;

  @BeforeAll
  void open() {
    device = LoadedDevice.open(new Device.Cpu(), 1);
    golden = TinyQwenText.golden();
    encoder = TinyQwenText.encoder(device, TinyQwenText.folder(), Dtype.FLOAT32);
  }

  @AfterAll
  void close() {
    golden.close();
    device.close();
  }

  private long[] goldenIds(int prompt) {
    return golden.longs("text." + prompt + ".input_ids");
  }

  private static float[] embedding(QwenTextEncoder encoder, long[] ids) {
    try (TensorScope _ = new TensorScope()) {
      return encoder.encode(ids).toFloatArray();
    }
  }

  /** The largest difference, in the largest number expected. */
  private static double error(float[] actual, double[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
    double error = 0;
    for (int i = 0; i < actual.length; i++) {
      // Written so that NaN is no small error.
      error =
          Math.abs(actual[i] - expected[i]) <= error ? error : Math.abs(actual[i] - expected[i]);
    }
    return error / largest;
  }

  @Test
  void encode_goldenPrompts_areTheReferences() {
    for (int prompt = 0; prompt < 3; prompt++) {
      long[] ids = goldenIds(prompt);
      try (TensorScope _ = new TensorScope()) {
        NDArray embedding = encoder.encode(ids);

        assertThat(embedding.getShape()).isEqualTo(new Shape(1, ids.length - 34, 32));
        assertThat(
                error(
                    embedding.toFloatArray(),
                    doubles(golden.floats("text." + prompt + ".prompt_embeds"))))
            .isLessThan(TOLERANCE);
      }
    }
  }

  /** The reference pads prompts of a batch to one length; the pads are zeros in what it answers. */
  @Test
  void encode_eachPromptOfABatch_isItsRowWithoutTheRest() {
    int tokens = (int) golden.tensor("text.batch.prompt_embeds").shape().get(1).longValue();
    float[] batch = new float[2 * tokens * 32];
    for (int prompt = 0; prompt < 2; prompt++) {
      float[] row = embedding(encoder, goldenIds(prompt));
      System.arraycopy(row, 0, batch, prompt * tokens * 32, row.length);
    }

    assertThat(error(batch, doubles(golden.floats("text.batch.prompt_embeds"))))
        .isLessThan(TOLERANCE);
  }

  @Test
  void encode_amongOtherPrompts_hasTheSameBits() {
    float[] alone = embedding(encoder, goldenIds(0));
    embedding(encoder, goldenIds(1));

    assertThat(embedding(encoder, goldenIds(0))).isEqualTo(alone);
  }

  @Test
  void encode_flatConfigAndNewerNames_hasTheSameBits(@TempDir Path folder) throws IOException {
    Path component = Files.createDirectory(folder.resolve("text_encoder"));
    JsonObject nested =
        JsonParser.parseString(
                Files.readString(TinyQwenText.folder().resolve("text_encoder", "config.json")))
            .getAsJsonObject();
    JsonObject flat = nested.remove("text_config").getAsJsonObject();
    nested.entrySet().forEach(entry -> flat.add(entry.getKey(), entry.getValue()));
    Files.writeString(component.resolve("config.json"), flat.toString());
    SafetensorsWriter writer = new SafetensorsWriter();
    try (SafetensorsFile file =
        SafetensorsFile.open(TinyQwenText.folder().resolve("text_encoder", "model.safetensors"))) {
      for (String name : file.tensors().keySet()) {
        String newer =
            name.startsWith("visual.")
                ? "model." + name
                : name.replaceFirst("^model\\.", "model.language_model.");
        writer.floats(newer, file.tensor(name).shape(), file.floats(name));
      }
    }
    writer.write(component.resolve("model.safetensors"));

    QwenTextEncoder newer = TinyQwenText.encoder(device, folder, Dtype.FLOAT32);

    assertThat(embedding(newer, goldenIds(1))).isEqualTo(embedding(encoder, goldenIds(1)));
  }

  @ParameterizedTest
  @CsvSource({
    "50, 24, 3, 6, 3, 40, 500, 1e-3",
    "7, 16, 1, 2, 2, 8, 1e6, 1e-6",
    "444, 40, 4, 4, 1, 20, 10000, 1e-5"
  })
  void encode_otherArchitecture_equalsThePlainJavaTwin(
      int vocabulary,
      int width,
      int depth,
      int heads,
      int keyValueHeads,
      int hidden,
      double ropeTheta,
      double epsilon) {
    TextEncoderConfig config =
        new TextEncoderConfig(
            vocabulary, width, depth, heads, keyValueHeads, hidden, ropeTheta, epsilon);
    Map<String, float[]> weights = randomWeights(config);
    long[] ids = new long[60];
    double[] draws = Noise.uniforms(5, Noise.Use.TRAINING_DATA, 0, ids.length);
    for (int i = 0; i < ids.length; i++) {
      ids[i] = (long) (draws[i] * vocabulary);
    }
    Map<String, double[]> exact = new LinkedHashMap<>();
    weights.forEach((name, floats) -> exact.put(name, doubles(floats)));
    double[][] twin = new TextTwin(config, exact).encode(ids);
    double[] expected = Arrays.stream(twin).skip(34).flatMapToDouble(Arrays::stream).toArray();

    try (TensorScope _ = new TensorScope()) {
      Map<String, NDArray> tensors = new LinkedHashMap<>();
      QwenTextEncoder.layout(config)
          .forEach(
              (name, shape) ->
                  tensors.put(name, device.manager().create(weights.get(name), new Shape(shape))));
      QwenTextEncoder other =
          new QwenTextEncoder(device.kernels(), device.manager(), config, tensors);

      assertThat(error(embedding(other, ids), expected)).isLessThan(TOLERANCE);
    }
  }

  /** Large enough for attention to look at some tokens more than at others. */
  private static Map<String, float[]> randomWeights(TextEncoderConfig config) {
    Map<String, float[]> weights = new LinkedHashMap<>();
    QwenTextEncoder.layout(config)
        .forEach(
            (name, shape) -> {
              int count = (int) shape.stream().reduce(1L, Math::multiplyExact).longValue();
              float[] values = Noise.normals(1, Noise.Use.WEIGHTS, weights.size(), count);
              boolean norm = name.endsWith("norm.weight");
              double scale = shape.size() == 2 ? 1.5 / Math.sqrt(shape.get(1)) : 0.3;
              for (int i = 0; i < count; i++) {
                values[i] = (float) (values[i] * scale + (norm ? 1 : 0));
              }
              weights.put(name, values);
            });
    return weights;
  }

  @Test
  void encode_bfloat16_isNearFloat32() {
    QwenTextEncoder half = TinyQwenText.encoder(device, TinyQwenText.folder(), Dtype.BFLOAT16);
    for (int prompt = 0; prompt < 3; prompt++) {
      float[] exact = embedding(encoder, goldenIds(prompt));

      assertThat(error(embedding(half, goldenIds(prompt)), doubles(exact))).isBetween(1e-4, 2e-2);
    }
  }

  @Test
  void encode_manyPrompts_leavesNoTensors() {
    embedding(encoder, goldenIds(0));
    int before = device.manager().getManagedArrays().size();
    for (int i = 0; i < 20; i++) {
      embedding(encoder, goldenIds(i % 3));
    }

    assertThat(device.manager().getManagedArrays()).hasSize(before);
  }

  @Test
  void encode_idsOfAnotherVocabulary_areRefusedBeforeTheDeviceSeesThem() {
    long[] ids = goldenIds(0);
    ids[40] = 444;

    assertThatThrownBy(() -> encoder.encode(ids))
        .isInstanceOf(EngineException.class)
        .hasMessage(
            "token id: 444 (expected: 0 to 443); tokenizer and text_encoder are of different"
                + " models");
    assertThatThrownBy(() -> encoder.encode(new long[34]))
        .isInstanceOf(EngineException.class)
        .hasMessage("prompt: 34 tokens (expected: more than the 34 of the template)");
  }

  @Test
  void new_missingWeight_namesIt() {
    TextEncoderConfig config = TinyQwenText.config(TinyQwenText.folder());

    assertThatThrownBy(
            () -> new QwenTextEncoder(device.kernels(), device.manager(), config, Map.of()))
        .isInstanceOf(EngineException.class)
        .hasMessage("text encoder: tensor embed_tokens.weight (expected: among the 0 given)");
  }

  @Test
  void nameOf_everySpelling_isOursOrNone() {
    assertThat(
            List.of(
                "model.layers.0.mlp.up_proj.weight",
                "model.language_model.layers.0.mlp.up_proj.weight"))
        .allSatisfy(
            name ->
                assertThat(QwenTextEncoder.nameOf(name)).contains("layers.0.mlp.up_proj.weight"));
    assertThat(List.of("visual.a", "model.visual.a", "lm_head.weight"))
        .allSatisfy(name -> assertThat(QwenTextEncoder.nameOf(name)).isEmpty());
    assertThat(QwenTextEncoder.nameOf("other.weight")).contains("other.weight");
  }
}
