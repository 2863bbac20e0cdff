package io.flowloop.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {

  @TempDir private Path folder;

  @Test
  void write_everyDtype_isReadBackTheSame() throws IOException {
    // More than one buffer's worth.
    float[] many = Noise.initialLatents(1, 300_007);
    Path path = folder.resolve("a.safetensors");

    new SafetensorsWriter()
        .metadata("prompt", "a sign that says \"7382\" <é\u2028>")
        .floats("a", List.of(7L, 42858L, 1L), slice(many, 7 * 42858))
        .floats("b", List.of((long) many.length), many)
        .floats("half", SafetensorsDtype.F16, List.of(3L), new float[] {1, 65519, 1e-8f})
        .longs("step", List.of(), new long[] {Long.MIN_VALUE})
        .bytes("pixels", List.of(1L, 3L), new byte[] {0, 127, -1})
        .floats("none", List.of(0L), new float[0])
        .write(path);

    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThat(file.metadata())
          .isEqualTo(Map.of("prompt", "a sign that says \"7382\" <é\u2028>"));
      assertThat(file.floats("a")).isEqualTo(slice(many, 7 * 42858));
      assertThat(file.floats("b")).isEqualTo(many);
      assertThat(file.floats("half")).containsExactly(1, 65504, 0);
      assertThat(file.longs("step")).containsExactly(Long.MIN_VALUE);
      assertThat(file.tensor("step").shape()).isEmpty();
      assertThat(file.tensor("pixels").dtype()).isEqualTo(SafetensorsDtype.U8);
      assertThat(file.bytes("pixels")).isEqualTo(ByteBuffer.wrap(new byte[] {0, 127, -1}));
      assertThat(file.floats("none")).isEmpty();
    }
    try (var left = Files.list(folder)) {
      assertThat(left).containsExactly(path);
    }
  }

  @Test
  void write_bfloat16_roundsToNearestTiesToEven() throws IOException {
    float[] values = {
      1, 0x1.01p0f, 0x1.03p0f, 0x1.010002p0f, -0x1.01p0f, Float.MAX_VALUE, Float.MIN_VALUE
    };
    float[] rounded = {1, 1, 0x1.04p0f, 0x1.02p0f, -1, Float.POSITIVE_INFINITY, 0};
    float signallingNan = Float.intBitsToFloat(0x7F800001);

    assertThat(throughBfloat16(values)).containsExactly(rounded);
    assertThat(throughBfloat16(signallingNan)).containsExactly(Float.NaN);
    assertThat(throughBfloat16(Float.NEGATIVE_INFINITY)).containsExactly(Float.NEGATIVE_INFINITY);
  }

  @Test
  void write_otherOrderOfAdding_givesTheSameAlignedBytes() throws IOException {
    Path one = folder.resolve("one");
    Path two = folder.resolve("two");
    float[] x = {1, 2, 3};
    long[] id = {5};

    new SafetensorsWriter()
        .floats("h", SafetensorsDtype.BF16, List.of(3L), x)
        .metadata("b", "1")
        .metadata("a", "2")
        .floats("x", List.of(3L), x)
        .longs("id", List.of(1L), id)
        .write(one);
    new SafetensorsWriter()
        .longs("id", List.of(1L), id)
        .floats("x", List.of(3L), x)
        .metadata("a", "2")
        .metadata("b", "1")
        .floats("h", SafetensorsDtype.BF16, List.of(3L), x)
        .write(two);

    byte[] bytes = Files.readAllBytes(one);
    assertThat(bytes).isEqualTo(Files.readAllBytes(two));
    int length = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    assertThat(length % 8).isZero();
    assertThat(new String(bytes, 8, length, UTF_8).strip())
        .isEqualTo(
            "{\"__metadata__\":{\"a\":\"2\",\"b\":\"1\"},"
                + "\"id\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
                + "\"x\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[8,20]},"
                + "\"h\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[20,26]}}");
  }

  @Test
  void write_targetExists_replacesIt() throws IOException {
    Path path = folder.resolve("a.safetensors");
    new SafetensorsWriter().floats("old", List.of(), new float[] {1}).write(path);
    new SafetensorsWriter().floats("new", List.of(), new float[] {2}).write(path);

    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThat(file.tensors().keySet()).containsExactly("new");
    }
  }

  @Test
  void write_targetIsAFolder_failsAndLeavesNothing() throws IOException {
    Path path = folder.resolve("taken");
    Files.createDirectories(path.resolve("full"));

    assertThatThrownBy(() -> new SafetensorsWriter().write(path)).isInstanceOf(IOException.class);

    try (var left = Files.list(folder)) {
      assertThat(left).containsExactly(path);
    }
  }

  @Test
  void add_wrongShapeNameOrDtype_saysWhat() {
    SafetensorsWriter writer = new SafetensorsWriter().floats("x", List.of(1L), new float[1]);

    assertThatThrownBy(() -> writer.floats("y", List.of(2L, 2L), new float[3]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("values: 3 for tensor y (expected: 4 for shape [2, 2])");
    assertThatThrownBy(() -> writer.longs("x", List.of(1L), new long[1]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("tensor: x (expected: a new name)");
    assertThatThrownBy(() -> writer.longs("__metadata__", List.of(1L), new long[1]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> writer.floats("z", SafetensorsDtype.I64, List.of(1L), new float[1]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("dtype: I64 of tensor z (expected: F32, F16 or BF16)");
  }

  private float[] throughBfloat16(float... values) throws IOException {
    Path path = folder.resolve("bf16.safetensors");
    new SafetensorsWriter()
        .floats("x", SafetensorsDtype.BF16, List.of((long) values.length), values)
        .write(path);
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      return file.floats("x");
    }
  }

  private static float[] slice(float[] values, int length) {
    return Arrays.copyOf(values, length);
  }
}
