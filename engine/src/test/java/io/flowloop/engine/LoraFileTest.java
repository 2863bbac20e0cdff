package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LoraFileTest {

  private static final String LAYER = "transformer_blocks.0.attn.to_q";

  /** An adapter (rank 2, in 3, out 2) whose B is easily told from its multiples. */
  private static final HostTensor A =
      new HostTensor(List.of(2L, 3L), new float[] {1, -2, 3, 0.5f, 5, -6});

  private static final HostTensor B = new HostTensor(List.of(2L, 2L), new float[] {1, 2, -4, 8});

  private static final HostTensor HALF_B =
      new HostTensor(List.of(2L, 2L), new float[] {0.5f, 1, -2, 4});

  private static final HostTensor ONE = new HostTensor(List.of(), new float[] {1});

  private static final Map<String, Pipeline.Layer> LAYERS =
      Map.of(LAYER, new Pipeline.Layer(2, 3), "proj_out", new Pipeline.Layer(7, 5));

  @TempDir private Path folder;

  private static HostTensor zeros(long rows, long columns) {
    return new HostTensor(
        List.of(rows, columns), new float[Math.toIntExact(Math.multiplyExact(rows, columns))]);
  }

  private static void add(SortedMap<String, HostTensor> adapters, String layer, long rank) {
    adapters.put(layer + ".lora_A.weight", zeros(rank, 3));
    adapters.put(layer + ".lora_B.weight", zeros(2, rank));
  }

  /** Writes a file as others do. */
  private Path file(String name, Map<String, HostTensor> tensors, String settings)
      throws IOException {
    SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    if (!settings.isEmpty()) {
      writer.metadata("lora_adapter_metadata", settings);
    }
    tensors.forEach((key, tensor) -> writer.floats(key, tensor.shape(), tensor.values()));
    writer.write(folder.resolve(name));
    return folder.resolve(name);
  }

  private static void assertAdapter(SortedMap<String, HostTensor> found, HostTensor b) {
    assertThat(found)
        .usingRecursiveComparison()
        .isEqualTo(new TreeMap<>(Map.of(LAYER + ".lora_A.weight", A, LAYER + ".lora_B.weight", b)));
  }

  @Test
  void write_adaptersOfAnyNumbers_areReadBackBitForBit() throws IOException {
    float[] odd = {Float.NaN, -0.0f, Float.MIN_VALUE, Float.NEGATIVE_INFINITY, 0.1f, 1e38f};
    HostTensor a = new HostTensor(List.of(3L, 2L), odd);
    HostTensor b = new HostTensor(List.of(2L, 3L), odd);
    SortedMap<String, HostTensor> adapters =
        new TreeMap<>(Map.of("x.1.lora_A.weight", a, "x.1.lora_B.weight", b));
    add(adapters, "transformer_blocks.10.attn.to_q", 2);

    LoraFile.write(folder.resolve("policy.safetensors"), adapters, Map.of("model", "tiny"));

    SortedMap<String, HostTensor> found = LoraFile.read(folder);
    assertThat(PolicyWeights.checksum(found)).isEqualTo(PolicyWeights.checksum(adapters));
    found.forEach(
        (name, tensor) ->
            assertThat(tensor.shape())
                .isEqualTo(Objects.requireNonNull(adapters.get(name)).shape()));
    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("policy.safetensors"))) {
      assertThat(LoraFile.isLora(file)).isTrue();
      assertThat(file.metadata()).containsEntry("model", "tiny");
    }
  }

  @Test
  void write_blockOfQwenImage_hasTheKeysAndSettingsThatDiffusersReads() throws IOException {
    SortedMap<String, HostTensor> adapters = new TreeMap<>();
    for (String layer :
        List.of(
            "attn.to_q",
            "attn.to_k",
            "attn.to_v",
            "attn.to_out.0",
            "attn.add_q_proj",
            "attn.add_k_proj",
            "attn.add_v_proj",
            "attn.to_add_out",
            "img_mlp.net.0.proj",
            "img_mlp.net.2",
            "txt_mlp.net.0.proj",
            "txt_mlp.net.2")) {
      add(adapters, "transformer_blocks.0." + layer, 4);
    }

    LoraFile.write(folder.resolve("a.safetensors"), adapters, Map.of());

    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("a.safetensors"))) {
      assertThat(file.tensors().keySet())
          .containsExactly(
              "transformer.transformer_blocks.0.attn.add_k_proj.lora_A.weight",
              "transformer.transformer_blocks.0.attn.add_k_proj.lora_B.weight",
              "transformer.transformer_blocks.0.attn.add_q_proj.lora_A.weight",
              "transformer.transformer_blocks.0.attn.add_q_proj.lora_B.weight",
              "transformer.transformer_blocks.0.attn.add_v_proj.lora_A.weight",
              "transformer.transformer_blocks.0.attn.add_v_proj.lora_B.weight",
              "transformer.transformer_blocks.0.attn.to_add_out.lora_A.weight",
              "transformer.transformer_blocks.0.attn.to_add_out.lora_B.weight",
              "transformer.transformer_blocks.0.attn.to_k.lora_A.weight",
              "transformer.transformer_blocks.0.attn.to_k.lora_B.weight",
              "transformer.transformer_blocks.0.attn.to_out.0.lora_A.weight",
              "transformer.transformer_blocks.0.attn.to_out.0.lora_B.weight",
              "transformer.transformer_blocks.0.attn.to_q.lora_A.weight",
              "transformer.transformer_blocks.0.attn.to_q.lora_B.weight",
              "transformer.transformer_blocks.0.attn.to_v.lora_A.weight",
              "transformer.transformer_blocks.0.attn.to_v.lora_B.weight",
              "transformer.transformer_blocks.0.img_mlp.net.0.proj.lora_A.weight",
              "transformer.transformer_blocks.0.img_mlp.net.0.proj.lora_B.weight",
              "transformer.transformer_blocks.0.img_mlp.net.2.lora_A.weight",
              "transformer.transformer_blocks.0.img_mlp.net.2.lora_B.weight",
              "transformer.transformer_blocks.0.txt_mlp.net.0.proj.lora_A.weight",
              "transformer.transformer_blocks.0.txt_mlp.net.0.proj.lora_B.weight",
              "transformer.transformer_blocks.0.txt_mlp.net.2.lora_A.weight",
              "transformer.transformer_blocks.0.txt_mlp.net.2.lora_B.weight");
      assertThat(file.tensors().values())
          .allSatisfy(tensor -> assertThat(tensor.dtype()).isEqualTo(SafetensorsDtype.F32));
      assertThat(file.metadata())
          .containsOnlyKeys("format", "lora_adapter_metadata")
          .containsEntry("format", "pt");
      assertThat(JsonParser.parseString(file.metadata().get("lora_adapter_metadata")))
          .isEqualTo(
              JsonParser.parseString(
                  """
                  {"transformer.r": 4, "transformer.lora_alpha": 4,
                   "transformer.rank_pattern": {}, "transformer.alpha_pattern": {},
                   "transformer.target_modules": [
                     "transformer_blocks.0.attn.add_k_proj",
                     "transformer_blocks.0.attn.add_q_proj",
                     "transformer_blocks.0.attn.add_v_proj",
                     "transformer_blocks.0.attn.to_add_out",
                     "transformer_blocks.0.attn.to_k",
                     "transformer_blocks.0.attn.to_out.0",
                     "transformer_blocks.0.attn.to_q",
                     "transformer_blocks.0.attn.to_v",
                     "transformer_blocks.0.img_mlp.net.0.proj",
                     "transformer_blocks.0.img_mlp.net.2",
                     "transformer_blocks.0.txt_mlp.net.0.proj",
                     "transformer_blocks.0.txt_mlp.net.2"]}\
                  """));
    }
  }

  @Test
  void write_severalRanks_saysThoseThatAreNotTheUsualOne() throws IOException {
    SortedMap<String, HostTensor> adapters = new TreeMap<>();
    add(adapters, "a.x", 2);
    add(adapters, "b.x", 3);
    add(adapters, "x", 2);

    LoraFile.write(folder.resolve("a.safetensors"), adapters, Map.of());

    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("a.safetensors"))) {
      assertThat(JsonParser.parseString(file.metadata().get("lora_adapter_metadata")))
          .isEqualTo(
              JsonParser.parseString(
                  """
                  {"transformer.r": 2, "transformer.lora_alpha": 2,
                   "transformer.rank_pattern": {"^b.x": 3},
                   "transformer.alpha_pattern": {"^b.x": 3},
                   "transformer.target_modules": ["a.x", "b.x", "x"]}\
                  """));
    }
    assertThat(LoraFile.read(folder).keySet()).isEqualTo(adapters.keySet());
  }

  @Test
  void write_notAdaptersAlone_isRefused() {
    SortedMap<String, HostTensor> half = new TreeMap<>(Map.of("x.lora_A.weight", A));
    SortedMap<String, HostTensor> mixed = new TreeMap<>(Map.of("x.weight", A));
    add(mixed, "y", 1);

    assertThat(LoraFile.canHold(half)).isFalse();
    assertThat(LoraFile.canHold(mixed)).isFalse();
    assertThat(LoraFile.canHold(new TreeMap<>())).isFalse();
    assertThatThrownBy(() -> LoraFile.write(folder.resolve("x"), mixed, Map.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("x.weight, y.lora_A.weight, y.lora_B.weight (expected: lora_A");
  }

  /** Where the file has the name of a layer, % stands for it. */
  @ParameterizedTest
  @CsvSource({
    "transformer.%.lora_A.weight, transformer.%.lora_B.weight, transformer.%.alpha",
    "%.lora_A.default.weight, %.lora_B.default.weight, %.alpha",
    "%.lora_down.weight, %.lora_up.weight, %.alpha",
    "transformer.%.lora_down.weight, transformer.%.lora_up.weight, transformer.%.alpha",
    "diffusion_model.%.lora_A.weight, diffusion_model.%.lora_B.weight, diffusion_model.%.alpha",
    "transformer.%.lora.down.weight, transformer.%.lora.up.weight, transformer.%.alpha",
    "base_model.model.%.lora_A.weight, base_model.model.%.lora_B.weight, base_model.model.%.alpha",
  })
  void read_namesOfAnyTool_areTheLayersOwn(String a, String b, String alpha) throws IOException {
    Path with =
        file(
            "with.safetensors",
            Map.of(
                a.replace("%", LAYER), A, b.replace("%", LAYER), B, alpha.replace("%", LAYER), ONE),
            "");
    Path without =
        file("without.safetensors", Map.of(a.replace("%", LAYER), A, b.replace("%", LAYER), B), "");

    // alpha 1, rank 2
    assertAdapter(LoraFile.read(with), HALF_B);
    assertAdapter(LoraFile.read(with, LAYERS), HALF_B);
    assertAdapter(LoraFile.read(without), B);
  }

  @ParameterizedTest
  @ValueSource(strings = {"lora_unet_", "lora_transformer_", "lycoris_"})
  void read_namesWithoutDots_areLookedUpAmongTheModelsLayers(String prefix) throws IOException {
    String layer = prefix + "transformer_blocks_0_attn_to_q";
    Path path =
        file(
            "flat.safetensors",
            Map.of(
                layer + ".lora_down.weight",
                A,
                layer + ".lora_up.weight",
                B,
                layer + ".alpha",
                ONE),
            "");

    assertAdapter(LoraFile.read(path, LAYERS), HALF_B);
    assertThatThrownBy(() -> LoraFile.read(path))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("3 tensors of no layer that is known: %s.alpha, ".formatted(layer));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{'transformer.r': 2, 'transformer.lora_alpha': 1}; 0.5",
        "{'r': 2, 'lora_alpha': 6.0, 'alpha_pattern': null}; 3",
        "{'r': 2, 'lora_alpha': 2}; 1",
        "{'r': 4, 'lora_alpha': 4, 'rank_pattern': {'to_q': 2}}; 2",
        "{'r': 2, 'lora_alpha': 4, 'alpha_pattern': {'q': 9, '^transformer_blocks.0.attn.to_q': 1}}; .5",
        "{'r': 2, 'lora_alpha': 4, 'alpha_pattern': {'.*[.]to_(q|k)': 1, 'attn.to_q': 9}}; .5",
      })
  void read_settingsOfAnyKind_areMultipliedIntoB(String settings, float factor) throws IOException {
    Path path =
        file(
            "settings.safetensors",
            Map.of(
                "transformer.%s.lora_A.weight".formatted(LAYER),
                A,
                "transformer.%s.lora_B.weight".formatted(LAYER),
                B),
            settings.replace('\'', '"'));

    assertAdapter(
        LoraFile.read(path),
        new HostTensor(B.shape(), new float[] {factor, 2 * factor, -4 * factor, 8 * factor}));
  }

  @Test
  void read_peftsFolderWithRankStabilised_dividesByTheRoot() throws IOException {
    file(
        "adapter_model.safetensors",
        Map.of(
            "base_model.model.x.lora_A.weight",
            new HostTensor(List.of(4L, 1L), new float[] {1, 2, 3, 4}),
            "base_model.model.x.lora_B.weight",
            new HostTensor(List.of(1L, 4L), new float[] {1, 2, 3, 4})),
        "");
    Path settings = folder.resolve("adapter_config.json");
    Files.writeString(
        settings,
        """
        {"peft_type": "LORA", "r": 4, "lora_alpha": 3, "use_rslora": true,
         "init_lora_weights": "gaussian", "target_modules": ["x"]}\
        """);

    assertThat(Objects.requireNonNull(LoraFile.read(folder).get("x.lora_B.weight")).values())
        .containsExactly(1.5f, 3, 4.5f, 6);

    Files.delete(settings);
    assertThatThrownBy(() -> LoraFile.read(folder.resolve("adapter_model.safetensors")))
        .hasMessageContaining("adapter_config.json: missing");
  }

  @ParameterizedTest
  @ValueSource(strings = {"diffusers", "peft"})
  void read_filesByDiffusersAndPeft_giveWhatPeftAddsToTheWeights(String tool)
      throws URISyntaxException {
    // By diffusers 0.40.0.dev0 and peft 0.21.0, from a random QwenImageTransformer2DModel of two
    // blocks: as its training script saves (rank 4 and 2, alpha 6 and 5), and as peft does (rank 4
    // and 2, alpha 6 and 3, rank-stabilised). The deltas are peft's get_delta_weight.
    Path golden = Path.of(Objects.requireNonNull(getClass().getResource("/golden/lora")).toURI());

    SortedMap<String, HostTensor> found = LoraFile.read(golden.resolve(tool));

    try (SafetensorsFile deltas =
        SafetensorsFile.open(golden.resolve(tool + ".deltas.safetensors"))) {
      assertThat(found).hasSize(2 * deltas.tensors().size()).hasSizeGreaterThan(11);
      deltas
          .tensors()
          .keySet()
          .forEach(
              layer ->
                  assertThat(delta(found, layer))
                      .as(layer)
                      .containsExactly(deltas.floats(layer), within(1e-5f)));
    }
  }

  /** B·A, row-major. */
  private static float[] delta(SortedMap<String, HostTensor> adapters, String layer) {
    HostTensor a = Objects.requireNonNull(adapters.get(layer + ".lora_A.weight"));
    HostTensor b = Objects.requireNonNull(adapters.get(layer + ".lora_B.weight"));
    int rank = Math.toIntExact(a.shape().getFirst());
    int in = a.values().length / rank;
    float[] delta = new float[b.values().length / rank * in];
    for (int i = 0; i < delta.length; i++) {
      for (int r = 0; r < rank; r++) {
        delta[i] += b.values()[i / in * rank + r] * a.values()[r * in + i % in];
      }
    }
    return delta;
  }

  @Test
  void read_alphaOfAnyNumberFormat_isTaken() throws IOException {
    new SafetensorsWriter()
        .floats("x.lora_A.weight", SafetensorsDtype.BF16, A.shape(), A.values())
        .floats("x.lora_B.weight", SafetensorsDtype.F16, B.shape(), B.values())
        .longs("x.alpha", List.of(1L), new long[] {1})
        .write(folder.resolve("a.safetensors"));

    SortedMap<String, HostTensor> found = LoraFile.read(folder);

    assertThat(found)
        .usingRecursiveComparison()
        .isEqualTo(new TreeMap<>(Map.of("x.lora_A.weight", A, "x.lora_B.weight", HALF_B)));
  }

  @Test
  void read_brokenFile_tellsAllProblemsAtOnce() throws IOException {
    Path path = folder.resolve("bad.safetensors");
    SafetensorsWriter writer =
        new SafetensorsWriter()
            .floats("lone.lora_A.weight", A.shape(), A.values())
            .floats("other.lora_up.weight", B.shape(), B.values())
            .floats("bare.alpha", List.of(), new float[] {1})
            .floats("ranks.lora_A.weight", A.shape(), A.values())
            .floats("ranks.lora_B.weight", List.of(4L, 1L), B.values())
            .floats("conv.lora_A.weight", List.of(2L, 3L, 1L, 1L), A.values())
            .floats("conv.lora_B.weight", List.of(2L, 2L, 1L, 1L), B.values())
            .floats("twice.lora_A.weight", A.shape(), A.values())
            .floats("twice.lora_A.default.weight", A.shape(), A.values())
            .floats("twice.lora_B.weight", B.shape(), B.values())
            .longs("whole.lora_A.weight", List.of(1L, 1L), new long[1])
            .floats("whole.lora_B.weight", List.of(1L, 1L), new float[1])
            .floats("alphas.lora_A.weight", A.shape(), A.values())
            .floats("alphas.lora_B.weight", B.shape(), B.values())
            .floats("alphas.alpha", List.of(2L), new float[2])
            .floats("nan.lora_A.weight", A.shape(), A.values())
            .floats("nan.lora_B.weight", B.shape(), B.values())
            .floats("nan.alpha", List.of(), new float[] {Float.NaN})
            .floats("x.lora_magnitude_vector", List.of(), new float[1])
            .floats("y.dora_scale", List.of(), new float[1])
            .floats("x.lora_B.bias", List.of(), new float[1])
            .floats("x.diff", List.of(), new float[1])
            .floats("x.diff_b", List.of(), new float[1])
            .floats("x.lokr_w1", List.of(), new float[1])
            .floats("x.lora_mid.weight", List.of(), new float[1]);
    for (int i = 0; i < 10; i++) {
      writer.floats("x.%d.weight".formatted(i), List.of(), new float[1]);
    }
    writer.write(path);

    assertThatThrownBy(() -> LoraFile.read(path))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("14 problems in " + path)
        .hasMessageContainingAll(
            "adapter of lone: no lora_B (expected: both lora_A and lora_B)",
            "adapter of other: no lora_A (expected",
            "adapter of bare: no tensor but alpha (expected",
            "adapter of ranks with shapes [2, 3] and [4, 1] (expected: [rank, in] and [out, rank])",
            "adapter of conv with shapes [2, 3, 1, 1] and [2, 2, 1, 1] (expected",
            "tensors twice.lora_A.default.weight and twice.lora_A.weight are both lora_A of twice",
            "tensor whole.lora_A.weight: I64 (expected: F32, F16 or BF16)",
            "tensor alphas.alpha: F32 [2] (expected: one finite F32, F16, BF16 or I64)",
            "tensor nan.alpha: F32 [] (expected: one finite",
            "2 tensors of DoRA: x.lora_magnitude_vector, y.dora_scale (expected: lora_A, lora_B",
            "3 tensors of biases or whole differences: x.diff, x.diff_b, x.lora_B.bias (",
            "1 tensor of LoKr or LoHa: x.lokr_w1 (",
            "1 tensor of convolutions: x.lora_mid.weight (",
            "10 tensors of unknown meaning: x.0.weight, x.1.weight, x.2.weight, x.3.weight,"
                + " x.4.weight, x.5.weight, x.6.weight, x.7.weight and 2 more (");
  }

  @Test
  void read_settingsOfOtherAdapters_namesThem() throws IOException {
    Map<String, HostTensor> tensors =
        Map.of("%s.lora_A.weight".formatted(LAYER), A, "%s.lora_B.weight".formatted(LAYER), B);
    Path path =
        file(
            "bad.safetensors",
            tensors,
            """
            {"transformer.peft_type": "LOHA", "transformer.use_dora": true,
             "transformer.lora_bias": true, "transformer.init_lora_weights": "pissa_niter_4",
             "transformer.r": 8, "transformer.alpha_pattern": {"a[": 1}}\
            """);

    assertThatThrownBy(() -> LoraFile.read(path))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("6 problems in " + path)
        .hasMessageContainingAll(
            "lora_adapter_metadata transformer.peft_type: \"LOHA\" (expected: LORA)",
            "lora_adapter_metadata transformer.use_dora: true (expected: false)",
            "lora_adapter_metadata transformer.lora_bias: true (expected: false)",
            "transformer.init_lora_weights: \"pissa_niter_4\" (expected: one that leaves",
            "transformer.alpha_pattern.a[: 1 (expected: a regular expression for a key",
            "adapter of %s: rank 2 (expected: 8, as lora_adapter_metadata says)".formatted(LAYER));
    Path broken = file("broken.safetensors", tensors, "[]");
    assertThatThrownBy(() -> LoraFile.read(broken))
        .hasMessageContaining("lora_adapter_metadata: not a JSON object");
  }

  @Test
  void read_adaptersOfAnotherModel_namesThem() throws IOException {
    Path path =
        file(
            "other.safetensors",
            Map.of(
                "transformer.%s.lora_A.weight".formatted(LAYER),
                A,
                "transformer.%s.lora_B.weight".formatted(LAYER),
                B,
                "transformer.proj_out.lora_A.weight",
                A,
                "transformer.proj_out.lora_B.weight",
                B,
                "transformer.img_in.lora_A.weight",
                A,
                "transformer.img_in.lora_B.weight",
                B),
            "");

    assertThatThrownBy(() -> LoraFile.read(path, LAYERS))
        .isInstanceOf(EngineException.class)
        .hasMessage(
            """
            2 problems in %s
              tensors img_in.lora_A.weight, img_in.lora_B.weight (expected: an adapter of one of 2 layers)
              adapter of proj_out with shapes [2, 3] and [2, 2] (expected: [rank, 5] and [7, rank])\
            """
                .formatted(path));
  }

  @Test
  void read_folderOfSeveralFiles_takesTheOneThatIsNamedAsUsual() throws IOException {
    Map<String, HostTensor> usual =
        Map.of("%s.lora_A.weight".formatted(LAYER), A, "%s.lora_B.weight".formatted(LAYER), B);
    file("a.safetensors", Map.of("x.weight", A), "");
    file("learner.safetensors", Map.of("x.weight", A), "");

    assertThatThrownBy(() -> LoraFile.read(folder))
        .isInstanceOf(EngineException.class)
        .hasMessage(
            ("%s: 2 files .safetensors (expected: one, or one of pytorch_lora_weights.safetensors,"
                    + " adapter_model.safetensors, policy.safetensors); name the file instead of"
                    + " the folder")
                .formatted(folder));

    List<SortedMap<String, HostTensor>> found = new ArrayList<>();
    file("policy.safetensors", usual, "");
    found.add(LoraFile.read(folder));
    file("policy.safetensors", Map.of("x.weight", A), "");
    file("pytorch_lora_weights.safetensors", usual, "");
    found.add(LoraFile.read(folder));
    assertThat(found).allSatisfy(tensors -> assertAdapter(tensors, B));
  }

  @Test
  void read_noAdapterAtAll_saysSo() throws IOException {
    Path path = file("empty.safetensors", Map.of(), "");

    assertThatThrownBy(() -> LoraFile.read(path))
        .hasMessageContaining("no adapter (expected: lora_A and lora_B of one layer or more)");
    assertThatThrownBy(() -> LoraFile.read(folder.resolve("absent.safetensors")))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("absent.safetensors cannot be read");
  }
}
