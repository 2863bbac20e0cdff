package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import io.flowloop.config.Device;
import io.flowloop.config.Dtype;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ComponentWeightsTest {

  private static final float[] VALUES = {1.5f, -0.25f, 3, 0, 8, -16};

  @TempDir private Path folder;

  private final ModelProblems problems = new ModelProblems();

  @BeforeEach
  void createComponent() throws IOException {
    Files.createDirectory(folder.resolve("part"));
  }

  private ComponentWeights open() {
    return ComponentWeights.open(folder, "part", "model", ComponentWeightsTest::name, problems);
  }

  /** What begins with unused. is known and of no use. */
  private static Optional<String> name(String stored) {
    return stored.startsWith("unused.")
        ? Optional.empty()
        : Optional.of(stored.replaceFirst("^model\\.", ""));
  }

  private void write(String file, SafetensorsWriter writer) throws IOException {
    writer.write(folder.resolve("part", file));
  }

  private void index(String json) throws IOException {
    Files.writeString(
        folder.resolve("part", "model.safetensors.index.json"), json.replace('\'', '"'));
  }

  private static SequencedMap<String, List<Long>> layout(String... names) {
    SequencedMap<String, List<Long>> layout = new LinkedHashMap<>();
    for (String name : names) {
      layout.put(name, List.of(2L, 3L));
    }
    return layout;
  }

  private static SafetensorsWriter writer(SafetensorsDtype dtype, String... names) {
    SafetensorsWriter writer = new SafetensorsWriter();
    for (String name : names) {
      writer.floats(name, dtype, List.of(2L, 3L), VALUES);
    }
    return writer;
  }

  @Test
  void load_shardsOfEveryDtype_givesValuesInBoth() throws IOException {
    write("1.safetensors", writer(SafetensorsDtype.F32, "model.a", "unused.x"));
    write(
        "2.safetensors",
        writer(SafetensorsDtype.F16, "b").floats("c", SafetensorsDtype.BF16, List.of(6L), VALUES));
    index(
        """
        {'weight_map': {'model.a': '1.safetensors', 'unused.x': '1.safetensors',
         'b': '2.safetensors', 'c': '2.safetensors'}}\
        """);
    SequencedMap<String, List<Long>> layout = layout("a", "b");
    layout.put("c", List.of(6L));

    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), 1);
        TensorScope _ = new TensorScope()) {
      SequencedMap<String, NDArray> singles;
      SequencedMap<String, NDArray> halves;
      try (ComponentWeights weights = open()) {
        weights.check(layout);
        problems.throwIfAny(folder);
        singles = weights.load(layout.keySet(), device.kernels(), device.manager(), Dtype.FLOAT32);
        halves = weights.load(layout.keySet(), device.kernels(), device.manager(), Dtype.BFLOAT16);
      }
      assertThat(singles.keySet()).containsExactly("a", "b", "c");
      assertThat(singles.values())
          .allSatisfy(tensor -> assertThat(tensor.toFloatArray()).isEqualTo(VALUES));
      assertThat(halves.values())
          .allSatisfy(
              tensor ->
                  assertThat(device.kernels().one("float32_copy", tensor).toFloatArray())
                      .isEqualTo(VALUES));
    }
  }

  @Test
  void check_wrongTensors_findsAllWithShapes() throws IOException {
    write(
        "model.safetensors",
        writer(SafetensorsDtype.F32, "a", "extra")
            .floats("b", List.of(3L, 2L), VALUES)
            .longs("c", List.of(2L, 3L), new long[6]));

    try (ComponentWeights weights = open()) {
      weights.check(layout("a", "b", "c", "d"));
    }
    assertThat(problems.found())
        .containsExactly(
            "part: tensor c has dtype I64 (expected: F32, F16 or BF16)",
            "part: tensor b has shape [3, 2] (expected: [2, 3])",
            "part: tensor d is missing (expected: shape [2, 3])",
            "part: tensor extra of shape [2, 3] is too many (expected: those that config.json"
                + " describes)");
  }

  @Test
  void open_missingAndTruncatedShards_findsAllOfThem() throws IOException {
    write("1.safetensors", writer(SafetensorsDtype.F32, "a"));
    write("2.safetensors", writer(SafetensorsDtype.F32, "b"));
    Path torn = folder.resolve("part", "2.safetensors");
    byte[] bytes = Files.readAllBytes(torn);
    Files.write(torn, java.util.Arrays.copyOf(bytes, bytes.length - 1));
    index(
        """
        {'weight_map': {'a': '1.safetensors', 'b': '2.safetensors', 'c': '3.safetensors'}}\
        """);

    try (ComponentWeights weights = open()) {
      weights.check(layout("a", "b", "c", "d"));
    }
    assertThat(problems.found()).hasSize(3);
    assertThat(problems.found().get(0)).contains("2.safetensors").contains("expected");
    assertThat(problems.found().get(1))
        .isEqualTo("part/3.safetensors: missing (expected: 1 tensors there, as the index says)");
    assertThat(problems.found().get(2))
        .isEqualTo("part: tensor d is missing (expected: shape [2, 3])");
  }

  @Test
  void open_noFile_namesBothThatWouldDo() {
    try (ComponentWeights weights = open()) {
      weights.check(layout("a"));
    }
    assertThat(problems.found())
        .containsExactly(
            "part/model.safetensors: missing (expected: it, or model.safetensors.index.json with"
                + " the files that it names)");
  }
}
