package io.flowloop.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.ndarray.NDArray;
import io.flowloop.config.Device;
import io.flowloop.config.Dtype;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
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

  /** As on the way to another device: what is loaded is gone before the next tensor comes. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void load_fileLargerThanWhatIsHeld_leavesMemoryBehindEachTensor() throws IOException {
    int count = 64;
    long[] shape = {2048, 2048};
    writeEmpty(count, shape);

    try (LoadedDevice device = LoadedDevice.open(new Device.Cpu(), 1);
        ComponentWeights weights = open()) {
      weights.load("t0", device.kernels(), device.manager(), Dtype.BFLOAT16).close();
      Path peak = Path.of("/proc/self/clear_refs");
      assumeThat(peak).isWritable();
      // Sets the peak back to what there is.
      Files.writeString(peak, "5");
      long before = status("VmRSS");
      for (int i = 0; i < count; i++) {
        weights.load("t" + i, device.kernels(), device.manager(), Dtype.BFLOAT16).close();
      }

      long tensor = 2 * shape[0] * shape[1];
      assertThat(status("VmHWM") - before).isLessThan(16 * tensor).isLessThan(count * tensor / 2);
    }
  }

  @Test
  void check_tensorLargerThanABuffer_isFoundBeforeItIsLoaded() throws IOException {
    writeEmpty(1, 1 << 15, 1 << 15);
    SequencedMap<String, List<Long>> layout = new LinkedHashMap<>();
    layout.put("t0", List.of(1L << 15, 1L << 15));

    try (ComponentWeights weights = open()) {
      weights.check(layout);
    }
    assertThat(problems.found())
        .containsExactly(
            "part: tensor t0 has 2147483648 bytes (expected: at most 2147483639); save the model in"
                + " bfloat16");
  }

  /** A file of bfloat16 zeros that takes no room on the disk. */
  private void writeEmpty(int count, long... shape) throws IOException {
    Path file = folder.resolve("part", "model.safetensors");
    long bytes = 2 * shape[0] * shape[1];
    String entries =
        IntStream.range(0, count)
            .mapToObj(
                i ->
                    "\"t%d\":{\"dtype\":\"BF16\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                        .formatted(i, Arrays.toString(shape), i * bytes, (i + 1) * bytes))
            .collect(Collectors.joining(",", "{", "}"));
    byte[] header = entries.getBytes(StandardCharsets.UTF_8);
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      out.writeLong(Long.reverseBytes(header.length));
      out.write(header);
      out.setLength(Long.BYTES + header.length + count * bytes);
    }
  }

  /** Bytes of a line in kB of what Linux says of this process. */
  private static long status(String key) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith(key + ":"))
        .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("[^0-9]", "")))
        .findFirst()
        .orElseThrow();
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
    Files.write(torn, Arrays.copyOf(bytes, bytes.length - 1));
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
